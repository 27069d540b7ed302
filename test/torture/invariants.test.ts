/** Each invariant of the long tests finds what breaks it. */

import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { revoke } from "../../src/oauth/grants/revoke.ts"
import { newCode, presenter, publicClient, refreshRequest, tokens } from "../support/grants.ts"
import { TestDatabase } from "../support/postgres.ts"
import { brokenInvariants, INVARIANTS, type Invariant } from "./invariants.ts"

/** What somebody did by hand; every session here has generations 0 to 2, and `live` is one that goes on. */
const LIVE = "(select id from mcp.mcp_sessions where status = 'active' limit 1)"
const HARM: Readonly<Record<Invariant, string>> = {
  "I1 a session has at most one refresh token that was not rotated, and that is its head": `
    update mcp.oauth_refresh_tokens set rotated_at = null where session_id = ${LIVE} and generation = 1`,
  "I1 an active session that can be refreshed has its head": `
    update mcp.oauth_refresh_tokens set revoked_at = now() where session_id = ${LIVE} and generation = 2`,
  "I2 no generation is above the head, and no refresh token's is there twice": `
    update mcp.oauth_access_tokens set generation = 3 where session_id = ${LIVE} and generation = 2`,
  "I3 nothing of an ended session lives": `
    update mcp.oauth_access_tokens set revoked_at = null where session_id <> ${LIVE} and generation = 2`,
  "I4 a session ends once, as it is recorded, and never comes back": `
    insert into mcp.audit_events (event, session_id) select 'session_revoked', id from mcp.mcp_sessions
    where status = 'compromised'`,
  "I7 a session is compromised by a retired token alone": `
    update mcp.audit_events set detail = detail || '{"presented_generation": 2}' where event = 'session_compromised'`,
  "I8 a token's parent is the retired token before it, of the same session": `
    update mcp.oauth_refresh_tokens r set parent_hash = p.token_hash from mcp.oauth_refresh_tokens p
    where r.session_id = ${LIVE} and p.session_id <> ${LIVE} and r.generation = 2 and p.generation = 1`,
  "I9 no token outlives its session": `
    update mcp.mcp_sessions set expires_at = now() where id = ${LIVE}`,
  "I10 no access token is worth more than was granted": `
    update mcp.oauth_access_tokens set scopes = scopes || '{more}' where session_id = ${LIVE}`,
  "I12 no secret is written down": `
    update mcp.audit_events set detail = '{"presented_generation": 0, "head_generation": 2, "token": "mcp_rt_AQE"}'
    where event = 'session_compromised'`,
  "TK9 a code begins one session, and is gone then": `
    insert into mcp.oauth_authorization_codes
      (code_hash, session_id, client_id, subject, scopes, resource, redirect_uri, code_challenge, expires_at)
    select code_hash, id, client_id, subject, scopes, resource, redirect_uri, code_challenge, expires_at
    from mcp.mcp_sessions where id = ${LIVE}`
}

const services = Stores.pipe(
  Layer.provideMerge(TestDatabase.quick),
  Layer.provideMerge(Logging),
  Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none", REFRESH_REUSE_GRACE_SECONDS: "120" }))
)

it.layer(services, { excludeTestServices: true, timeout: "60 seconds" })("the invariants of the long tests", (it) => {
  /** A session that was refreshed twice. */
  const session = Effect.gen(function* () {
    let token = (yield* tokens("one", yield* newCode("one")))?.refresh_token ?? ""
    const first = token
    for (let generation = 0; generation < 2; generation++) {
      token = (yield* tokens("one", refreshRequest(token)))?.refresh_token ?? ""
    }
    return { first, last: token }
  })

  it.effect("find nothing in what the server writes, and each what breaks it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* (yield* ClientRegistry).save(publicClient("one"))
      yield* session
      yield* revoke(new Map([["token", (yield* session).last]]), presenter("one"))
      const stolen = yield* session
      yield* sql`update mcp.oauth_refresh_tokens set rotated_at = rotated_at - interval '1 hour' where rotated_at is not null`
      assert.isUndefined(yield* tokens("one", refreshRequest(stolen.first)))
      const statuses = yield* sql`select status from mcp.mcp_sessions order by created_at`
      assert.deepStrictEqual(
        statuses.map(({ status }) => status),
        ["active", "revoked", "compromised"]
      )
      assert.deepStrictEqual(yield* brokenInvariants, [])

      for (const name of Object.keys(INVARIANTS)) {
        // The keys of a constant, which `Object.keys` forgets.
        const harm = HARM[name as Invariant]
        const found = yield* Effect.flip(
          Effect.gen(function* () {
            yield* sql.unsafe(harm)
            return yield* Effect.fail({ broken: yield* Effect.orDie(brokenInvariants) })
          }).pipe(sql.withTransaction)
        )
        assert.include("broken" in found ? found.broken.map(({ invariant }) => invariant) : [], name)
      }
      assert.deepStrictEqual(yield* brokenInvariants, [])
    })
  )

  it.effect("see a duplicate that the schema would not let in", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const found = yield* Effect.flip(
        Effect.gen(function* () {
          yield* sql`alter table mcp.oauth_refresh_tokens drop constraint oauth_refresh_tokens_session_id_generation_key`
          yield* sql`insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, parent_hash, expires_at)
            select sha256(token_hash), session_id, generation, parent_hash, expires_at
            from mcp.oauth_refresh_tokens where generation = 2`
          return yield* Effect.fail({ broken: yield* Effect.orDie(brokenInvariants) })
        }).pipe(sql.withTransaction)
      )
      const names = "broken" in found ? found.broken.map(({ invariant }) => invariant) : []
      assert.include(names, "I1 a session has at most one refresh token that was not rotated, and that is its head")
      assert.include(names, "I2 no generation is above the head, and no refresh token's is there twice")
    })
  )
})
