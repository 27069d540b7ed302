/** Gatehouse's rotation as bare SQL: the same statement, client and pool, and nothing around it. */

import { randomBytes, randomUUID } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { rotation } from "../../../src/oauth/grants/refresh.sql.ts"

/** As many as the load of the others has connections. */
const CONCURRENCY = 16
const sessionCount = Number(process.env.SESSIONS)
const seconds = Number(process.env.SECONDS)
const lifetimes = {
  authorizationCode: 60,
  accessToken: 3600,
  refreshToken: 2_592_000,
  session: 7_776_000,
  refreshReuseGrace: 0
}

interface Session {
  readonly id: string
  /** Digest of its live refresh token. */
  head: Buffer
}

const program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const clientId = randomUUID()
  yield* sql`
    insert into mcp.oauth_clients (client_id, client_name, redirect_uris, token_endpoint_auth_methods)
    values (${clientId}, 'bare', '{http://127.0.0.1/}', '{none}')`
  const session = Effect.fnUntraced(function* () {
    const [id, head] = [randomUUID(), randomBytes(32)]
    yield* sql`
      insert into mcp.mcp_sessions (id, client_id, subject, scopes, resource, code_hash, redirect_uri, code_challenge, expires_at)
      values (${id}, ${clientId}, 'bench', '{mcp.tools.call}', 'http://localhost/mcp', ${randomBytes(32)}, '', '',
              now() + interval '90 days')`
    yield* sql`
      insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, expires_at)
      values (${head}, ${id}, 0, now() + interval '30 days')`
    return { id, head } satisfies Session
  })
  const sessions = yield* Effect.replicateEffect(session(), sessionCount)

  const until = performance.now() + 1000 * seconds
  let rotations = 0
  /** Rotates sessions in turn, over and over. */
  const rotate = Effect.fnUntraced(function* (own: ReadonlyArray<Session>) {
    for (let generation = 0; ; generation++) {
      for (const session of own) {
        if (performance.now() >= until) return
        const [refresh, access] = [randomBytes(32), randomBytes(32)]
        const { id: sessionId, head: presented } = session
        const values = {
          token: { sessionId, generation, hash: presented },
          by: { clientId, method: "none" as const, address: "127.0.0.1" },
          requested: undefined,
          refresh: { hash: refresh }
        }
        const rows = yield* rotation(sql, lifetimes, values, { hash: access }, null)
        if (rows.length !== 1) return yield* Effect.die(new Error("a rotation did not happen"))
        rotations++
        session.head = refresh
      }
    }
  })
  const shares = Array.from({ length: CONCURRENCY }, (_, share) =>
    sessions.filter((_, index) => index % CONCURRENCY === share)
  )
  const started = performance.now()
  yield* Effect.forEach(shares, rotate, { concurrency: "unbounded", discard: true })
  console.log(JSON.stringify({ perSecond: (1000 * rotations) / (performance.now() - started) }))
})

await Effect.runPromise(
  Effect.provide(program, PgClient.layer({ url: Redacted.make(process.env.DATABASE_URL ?? ""), maxConnections: 10 }))
)
