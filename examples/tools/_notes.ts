// tools/_notes.ts
import { DatabaseSync } from "node:sqlite"

const database = new DatabaseSync(process.env.NOTES_FILE ?? "notes.sqlite")
database.exec("create table if not exists notes (id integer primary key, person text not null, words text not null)")

export const add = (person: string, words: string) =>
  Number(database.prepare("insert into notes (person, words) values (?, ?)").run(person, words).lastInsertRowid)

export const find = (person: string, containing: string) =>
  database
    .prepare("select id, words from notes where person = ? and instr(lower(words), lower(?)) > 0 order by id limit 50")
    .all(person, containing)
    .map(({ id, words }) => ({ id: Number(id), words: String(words) }))

export const get = (person: string, id: number) => {
  const note = database.prepare("select words from notes where person = ? and id = ?").get(person, id)
  return note === undefined ? undefined : String(note.words)
}

export const remove = (person: string, id: number) =>
  database.prepare("delete from notes where person = ? and id = ?").run(person, id)
