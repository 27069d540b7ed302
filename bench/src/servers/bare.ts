/** Gatehouse's rotation as bare SQL: the same statement, client and pool, and nothing around it. */

import { randomBytes, randomUUID } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { rotation } from "../../../src/store/rotation.ts"

const SESSIONS = 16
const seconds = Number(process.env.SECONDS)
const lifetimes = {
  authorizationCode: 60,
  accessToken: 3600,
  refreshToken: 2_592_000,
  session: 7_776_000,
  refreshReuseGrace: 0
}

const program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const clientId = randomUUID()
  yield* sql`
    insert into mcp.oauth_clients (client_id, client_name, redirect_uris, token_endpoint_auth_methods)
    values (${clientId}, 'bare', '{http://127.0.0.1/}', '{none}')`
  const session = Effect.fnUntraced(function* () {
    const [sessionId, first] = [randomUUID(), randomBytes(32)]
    yield* sql`
      insert into mcp.mcp_sessions (id, client_id, subject, scopes, resource, code_hash, redirect_uri, code_challenge, expires_at)
      values (${sessionId}, ${clientId}, 'bench', '{mcp.tools.call}', 'http://localhost/mcp', ${randomBytes(32)}, '', '',
              now() + interval '90 days')`
    yield* sql`
      insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, expires_at)
      values (${first}, ${sessionId}, 0, now() + interval '30 days')`
    return { sessionId, first }
  })
  const sessions = yield* Effect.replicateEffect(session(), SESSIONS)

  const until = performance.now() + 1000 * seconds
  let rotations = 0
  const rotate = Effect.fnUntraced(function* ({
    sessionId,
    first
  }: {
    readonly sessionId: string
    readonly first: Buffer
  }) {
    let presented = first
    for (let generation = 0; performance.now() < until; generation++) {
      const [refresh, access] = [randomBytes(32), randomBytes(32)]
      const values = { sessionId, clientId, generation, presented, requested: undefined, refresh, access, sealed: null }
      const rows = yield* rotation(sql, lifetimes, values)
      if (rows.length !== 1) return yield* Effect.die(new Error("a rotation did not happen"))
      rotations++
      presented = refresh
    }
  })
  const started = performance.now()
  yield* Effect.forEach(sessions, rotate, { concurrency: "unbounded", discard: true })
  console.log(JSON.stringify({ perSecond: (1000 * rotations) / (performance.now() - started) }))
})

await Effect.runPromise(
  Effect.provide(program, PgClient.layer({ url: Redacted.make(process.env.DATABASE_URL ?? ""), maxConnections: 10 }))
)
