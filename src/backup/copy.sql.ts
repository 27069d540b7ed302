/** The rows of a database as texts, and back: whatever tables and columns a version of the schema has, and on whichever engine. */

import type { FileHandle } from "node:fs/promises"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { applied } from "../database/migrations.sql.ts"
import { firstRow, rows } from "../database/query.ts"
import { type Reader, type Table, type Writer, write } from "./file.ts"

/** There is nothing to copy. */
export class NothingThere extends Schema.TaggedError<NothingThere>()("NothingThere", {}) {
  override get message() {
    return "there is no Gatehouse in this database: nothing was copied"
  }
}

/** What a database says of itself, and not of what is in it. */
const LEFT_OUT = ["schema_migrations", "maintenance_claims"]

/** Rows that are fetched at once. */
const FETCHED = 200

const ColumnRow = Schema.Struct({ table: Schema.String, column: Schema.String, type: Schema.String })
const decodeColumns = rows(ColumnRow)
const decodeReferences = rows(Schema.Struct({ from: Schema.String, to: Schema.String }))
const decodeLines = rows(Schema.Struct({ line: Schema.String }))
const decodeNow = firstRow(Schema.Struct({ at: Schema.String }))
const decodeSequences = rows(Schema.Struct({ table: Schema.String, column: Schema.String }))

/** Values are written in one way, whatever the database or the role is set to; and nothing is ended for taking long. */
const settle = (sql: SqlClient.SqlClient) => sql`
  select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
         set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true),
         set_config('extra_float_digits', '1', true), set_config('statement_timeout', '0', true),
         set_config('idle_in_transaction_session_timeout', '0', true)`

/** The tables of the schema with their columns, each after those that it refers to. */
export const tables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = yield* decodeColumns(sql`
    select c.relname as "table", a.attname as "column", format_type(a.atttypid, a.atttypmod) as type
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where n.nspname = 'mcp' and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname <> all(${LEFT_OUT}::text[])
    order by c.relname, a.attnum`)
  const references = yield* decodeReferences(sql`
    select f.relname as "from", t.relname as "to"
    from pg_constraint k join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid
    join pg_namespace n on n.oid = f.relnamespace
    where k.contype = 'f' and n.nspname = 'mcp' and f.oid <> t.oid`)

  const waiting = Map.groupBy(columns, ({ table }) => table)
  const ordered: Array<{ readonly table: string; readonly columns: ReadonlyArray<typeof ColumnRow.Type> }> = []
  while (waiting.size > 0) {
    const next = [...waiting].filter(([table]) => !references.some(({ from, to }) => from === table && waiting.has(to)))
    if (next.length === 0) return yield* Effect.die(new Error("tables refer to each other in a circle"))
    for (const [table, its] of next) {
      ordered.push({ table, columns: its })
      waiting.delete(table)
    }
  }
  return ordered
}).pipe(Effect.catchTag("SchemaError", Effect.die))

/** Copies all of a database as it is at one moment, and answers how many rows that were. Others go on reading and writing meanwhile. */
export const copyTo = Effect.fn("backup.copyTo")(function* (file: string, to: FileHandle) {
  const sql = yield* SqlClient.SqlClient

  const copyTable = Effect.fnUntraced(function* ({ table, columns }: Table, writer: Writer) {
    yield* writer.table({ table, columns })
    const cursor = sql(`copy_${table}`)
    const texts = sql.csv(columns.map((column) => sql`${sql(column)}::text`))
    yield* sql`declare ${cursor} no scroll cursor for select json_build_array(${texts})::text as line from ${sql(`mcp.${table}`)}`
    const fetch = sql`fetch ${sql.literal(String(FETCHED))} from ${cursor}`
    for (let isMore = true; isMore; ) {
      const lines = yield* decodeLines(fetch)
      yield* writer.rows(lines.map(({ line }) => line))
      isMore = lines.length === FETCHED
    }
    yield* sql`close ${cursor}`
  })

  const copied = Effect.gen(function* () {
    yield* sql`set transaction isolation level repeatable read, read only`
    yield* settle(sql)
    const migrations = (yield* applied).map(({ version }) => version)
    if (migrations.length === 0) return yield* new NothingThere()
    const now = yield* decodeNow(sql`select to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at`)
    const all = yield* tables
    return yield* write(file, { at: now?.at ?? "", migrations }, to, (writer) =>
      Effect.forEach(
        all,
        ({ table, columns }) => copyTable({ table, columns: columns.map(({ column }) => column) }, writer),
        { discard: true }
      )
    )
  })
  return yield* sql.withTransaction(copied).pipe(Effect.catchTag("SchemaError", Effect.die))
})

/** The copy has what this schema has no place for. */
export class NoPlace extends Schema.TaggedError<NoPlace>()("NoPlace", { what: Schema.String }) {
  override get message() {
    return `the copy cannot be restored, and nothing was changed: this version of Gatehouse knows no ${this.what}`
  }
}

/** Puts the rows of a copy into the empty tables of the same schema, in a transaction of the caller's. */
export const loader = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const known = yield* tables
  yield* settle(sql)
  let into = sql``
  return {
    table: Effect.fnUntraced(function* ({ table, columns }: Table) {
      const found = known.find((one) => one.table === table)
      if (found === undefined) return yield* new NoPlace({ what: `table ${table}` })
      const types = yield* Effect.forEach(columns, (column) => {
        const type = found.columns.find((one) => one.column === column)?.type
        return type === undefined ? new NoPlace({ what: `column ${table}.${column}` }) : Effect.succeed(type)
      })
      const values = types.map((type, index) => sql.literal(`(r ->> ${index})::${type}`))
      into = sql`
        insert into ${sql(`mcp.${table}`)} (${sql.csv(columns.map((column) => sql`${sql(column)}`))})
        overriding system value select ${sql.csv(values)}`
    }),
    rows: (lines: ReadonlyArray<string>) =>
      sql`${into} from json_array_elements(${`[${lines.join(",")}]`}::json) as r`.pipe(Effect.asVoid)
  } satisfies Omit<Reader<unknown, never>, "header">
})

/** Numbers that the database gives out go on after the highest that was restored. */
export const continueSequences = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const found = yield* decodeSequences(sql`
    select c.relname as "table", a.attname as "column"
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'mcp' and a.attidentity <> ''`)
  yield* Effect.forEach(
    found,
    ({ table, column }) => sql`
      select setval(pg_get_serial_sequence(${`mcp.${table}`}, ${column}), coalesce(max(${sql(column)}), 0) + 1, false)
      from ${sql(`mcp.${table}`)}`,
    { discard: true }
  )
}).pipe(Effect.catchTag("SchemaError", Effect.die))
