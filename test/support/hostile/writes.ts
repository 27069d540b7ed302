/** What the database was asked to keep, and when: a table beside ours that triggers fill, so that a write finds its request. */

import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Written from time to time, whatever was asked: how much there was of everything. */
const BY_THE_CLOCK = ["usage_hourly"]

/** Notes every row of ours that is written from here on; to be done once for a database. */
export const watchWrites = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create schema watch`
  yield* sql`
    create table watch.writes (
      at timestamptz not null default clock_timestamp(),
      who text not null default session_user,
      place text not null,
      what text not null,
      old jsonb,
      new jsonb
    )`
  yield* sql.unsafe(`
    create function watch.note() returns trigger language plpgsql security definer as $$
    begin
      insert into watch.writes (place, what, old, new)
      values (tg_table_name, lower(tg_op), to_jsonb(old), to_jsonb(new));
      return null;
    end $$`)
  const tables = yield* sql<{ readonly name: string }>`
    select relname as name from pg_class
    where relnamespace = 'mcp'::regnamespace and relkind in ('r', 'p') and not relname = any(${BY_THE_CLOCK})`
  for (const { name } of tables) {
    yield* sql.unsafe(
      `create trigger watched after insert or update or delete on mcp.${name} for each row execute function watch.note()`
    )
  }
}).pipe(Effect.orDie)

export interface Write {
  /** In milliseconds, by the clock that this machine shares. */
  readonly at: number
  readonly place: string
  readonly what: string
  readonly old: Readonly<Record<string, unknown>> | null
  readonly new: Readonly<Record<string, unknown>> | null
}

/** When something was last used is noted whatever comes of it. */
const NOTED = new Set(["last_used_at", "last_address", "confirmed_at"])

const isChange = (write: Write): boolean => {
  const { old, new: now } = write
  if (old === null || now === null) return true
  return Object.keys(now).some((name) => !NOTED.has(name) && JSON.stringify(now[name]) !== JSON.stringify(old[name]))
}

/** What one role of the database has written since this was last asked. */
export const writesOf = Effect.fn("test.writesOf")(function* (who: string) {
  const sql = yield* SqlClient.SqlClient
  const found = yield* sql<Write>`
    with taken as (delete from watch.writes where who = ${who} returning *)
    select (extract(epoch from at) * 1000)::float8 as at, place, what, old, new from taken order by at`
  return found.filter(isChange)
}, Effect.orDie)
