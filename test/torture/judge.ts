/** Whether what honest clients were told is true, and nothing is left over. */

import { createHash } from "node:crypto"
import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import type { Ordeal } from "./chapter.ts"
import type { AnyFleet } from "./fleet.ts"
import { formInit, type Known, persist, rpcInit } from "./honest.ts"
import { brokenInvariants } from "./invariants.ts"

/** A token is kept in memory for five seconds where a revocation is not heard. */
const HEARD_WITHIN_MS = 6000
const RECOVERED_WITHIN_MS = 60_000
const EVERY_MS = 200
const EVERY = Schedule.spaced(EVERY_MS)

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex")

/** What clients were told, and the database does not know any more. */
const forgotten = Effect.fnUntraced(function* (ledger: ReadonlyArray<Known>) {
  const sql = yield* SqlClient.SqlClient
  const told = ledger.map(({ access, refresh, isRevoked }) => ({
    access: access.map(hashOf),
    refresh: refresh.map(hashOf),
    head: hashOf(refresh.at(-1) ?? ""),
    status: isRevoked ? "revoked" : "active"
  }))
  return yield* sql`
    select told.* from jsonb_to_recordset(${JSON.stringify(told)}::jsonb)
      as told(access jsonb, refresh jsonb, head text, status text)
    left join mcp.oauth_refresh_tokens h on h.token_hash = decode(told.head, 'hex')
    left join mcp.mcp_sessions s on s.id = h.session_id
    where s.status is distinct from told.status or s.head_generation is distinct from h.generation
       or h.rotated_at is not null
       or exists (
         select from jsonb_array_elements_text(told.access) t
         where not exists (
           select from mcp.oauth_access_tokens a
           where a.token_hash = decode(t, 'hex') and a.session_id = s.id
             and (a.revoked_at is not null) = (told.status = 'revoked')))
       or exists (
         select from jsonb_array_elements_text(told.refresh) t
         where not exists (
           select from mcp.oauth_refresh_tokens r where r.token_hash = decode(t, 'hex') and r.session_id = s.id))`
})

/** What holds after a round, now that nothing fails. */
export const judge = Effect.fn("torture.judge")(function* (
  ordeal: Ordeal,
  fleet: AnyFleet,
  ledger: ReadonlyArray<Known>
) {
  const { broken } = ordeal
  const { ask, sql, up, most } = fleet
  yield* fleet.whenUp(1).pipe(
    Effect.timeout(RECOVERED_WITHIN_MS),
    Effect.catchTag("TimeoutError", () => Effect.sync(() => broken("a server is ready again", up.size)))
  )
  const knowing = Effect.provideService(SqlClient.SqlClient, sql)
  for (const found of yield* knowing(brokenInvariants)) broken(found.invariant, found.rows)
  const lost = yield* knowing(forgotten(ledger))
  if (lost.length > 0) broken("every 200 that a client received is still true", lost.slice(0, 3))

  for (const { access, refresh, isRevoked } of ledger.slice(-10)) {
    const status = isRevoked ? 401 : 200
    const use = persist(ordeal, ask("/mcp", rpcInit(access.at(-1) ?? "")), "mcp")
    const settled = yield* Effect.repeat(use, {
      until: (answer) => answer.status === status,
      schedule: EVERY,
      times: HEARD_WITHIN_MS / EVERY_MS
    }).pipe(Effect.andThen(use))
    if (settled.status !== status) broken("a session is as its client was told", { isRevoked, ...settled })
    if (!isRevoked) continue
    const token = { grant_type: "refresh_token", refresh_token: refresh.at(-1) ?? "" }
    const again = yield* persist(ordeal, ask("/token", formInit(token)), "refresh")
    if (again.body.error !== "invalid_grant") broken("what was revoked stays revoked", again)
  }

  const connections = Effect.map(
    sql<{ n: number }>`select count(*)::int as n from pg_stat_activity where application_name = 'gatehouse'`,
    ([row]) => row?.n ?? 0
  )
  const count = yield* Effect.repeat(connections, {
    until: (n) => n <= most,
    schedule: EVERY,
    times: RECOVERED_WITHIN_MS / EVERY_MS
  }).pipe(Effect.andThen(connections))
  if (count > most) broken("no connection is left over", { count, most })
})
