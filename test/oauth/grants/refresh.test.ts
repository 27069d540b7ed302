import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { TokenStore } from "../../../src/oauth/grants/TokenStore.ts"
import { TestApp, testApp } from "../../support/app.ts"
import { type Answer, admitted, obtainTokens, refresh, revoke, rowCounts } from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"

const isInvalidGrant = (answer: Answer) => {
  assert.strictEqual(answer.status, 400, answer.text)
  assert.strictEqual(answer.body.error, "invalid_grant")
}
const isRotated = (answer: Answer) => {
  assert.strictEqual(answer.status, 200, answer.text)
  return answer.body as { access_token: string; refresh_token: string; expires_in: number; scope: string }
}

/** The session of the newest grant. */
const newestSession = Effect.gen(function* () {
  const { sql } = yield* TestApp
  const [session] = yield* sql`
    select id, status, head_generation, expires_at from mcp.mcp_sessions order by created_at desc limit 1`.pipe(
    Effect.orDie
  )
  return session as { id: string; status: string; head_generation: number; expires_at: Date }
})

/** Moves the database's past: everything of the newest session happened that much earlier. */
const age = Effect.fn("test.age")(function* (seconds: number) {
  const { sql } = yield* TestApp
  const { id } = yield* newestSession
  yield* sql`
    update mcp.oauth_refresh_tokens set rotated_at = rotated_at - make_interval(secs => ${seconds}),
      revoked_at = revoked_at - make_interval(secs => ${seconds}),
      expires_at = expires_at - make_interval(secs => ${seconds}) where session_id = ${id}`.pipe(Effect.orDie)
})

const auditOf = Effect.fn("test.auditOf")(function* (sessionId: string) {
  const { sql } = yield* TestApp
  return yield* sql`select event, client_id, detail from mcp.audit_events where session_id = ${sessionId}`.pipe(
    Effect.orDie
  )
})

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })("strict rotation", (it) => {
  it.effect("RF1 a refresh answers a new pair; the old access token lives on; lineage is kept", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      assert.notStrictEqual(second.refresh_token, first.refresh_token)
      assert.notStrictEqual(second.access_token, first.access_token)
      assert.strictEqual(second.expires_in, 3600)
      assert.isTrue(yield* admitted(first.access_token))
      assert.isTrue(yield* admitted(second.access_token))
      const { id, head_generation } = yield* newestSession
      assert.strictEqual(head_generation, 1)
      const chain = yield* sql`
        select c.generation, c.parent_hash = p.token_hash as linked, p.rotated_at is not null as rotated,
               p.revoked_at is not null as revoked, p.sealed_successor is null as unsealed
        from mcp.oauth_refresh_tokens c join mcp.oauth_refresh_tokens p
          on p.session_id = c.session_id and p.generation = c.generation - 1
        where c.session_id = ${id}`.pipe(Effect.orDie)
      assert.deepStrictEqual(chain, [{ generation: 1, linked: true, rotated: true, revoked: true, unsealed: true }])
    })
  )

  it.effect("RF4 a replaced token shown again compromises the session, once, and says so to the operator", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      isInvalidGrant(yield* refresh(first.refresh_token))
      const { id, status } = yield* newestSession
      assert.strictEqual(status, "compromised")
      assert.isFalse(yield* admitted(first.access_token))
      assert.isFalse(yield* admitted(second.access_token))
      isInvalidGrant(yield* refresh(second.refresh_token))
      isInvalidGrant(yield* refresh(first.refresh_token))
      const audit = yield* auditOf(id)
      assert.strictEqual(audit.length, 1)
      assert.strictEqual(audit[0]?.event, "session_compromised")
      assert.strictEqual(audit[0]?.client_id, "demo")
      assert.deepInclude(audit[0]?.detail as object, { presented_generation: 0, head_generation: 1 })
      const [live] = yield* sql`
        select (select count(*)::int from mcp.oauth_access_tokens where session_id = ${id} and revoked_at is null) as access,
               (select count(*)::int from mcp.oauth_refresh_tokens where session_id = ${id} and revoked_at is null) as refresh`.pipe(
        Effect.orDie
      )
      assert.deepStrictEqual(live, { access: 0, refresh: 0 })
    })
  )

  it.effect("RF3 of 50 refreshes at once with one token one succeeds and the session is compromised", () =>
    Effect.gen(function* () {
      const { refresh_token } = yield* obtainTokens()
      const answers = yield* Effect.all(
        Array.from({ length: 50 }, () => refresh(refresh_token)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(({ status }) => status === 200).length, 1)
      assert.strictEqual(answers.filter(({ body }) => body.error === "invalid_grant").length, 49)
      const { id, status } = yield* newestSession
      assert.strictEqual(status, "compromised")
      assert.strictEqual((yield* auditOf(id)).length, 1)
    })
  )

  it.effect("RF5 another client's attempt is invalid_grant and changes nothing", () =>
    Effect.gen(function* () {
      const registry = yield* ClientRegistry
      const demo = yield* registry.find("demo")
      if (demo) yield* registry.save({ ...demo, clientId: "rf5" })
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      const before = yield* rowCounts()
      isInvalidGrant(yield* refresh(second.refresh_token, { client_id: "rf5" }))
      isInvalidGrant(yield* refresh(first.refresh_token, { client_id: "rf5" }))
      assert.deepStrictEqual(yield* rowCounts(), before)
      isRotated(yield* refresh(second.refresh_token))
    })
  )

  it.effect("B14 a scope of nothing but blanks is as one that is absent: the whole grant", () =>
    Effect.gen(function* () {
      const { refresh_token } = yield* obtainTokens()
      const answer = isRotated(yield* refresh(refresh_token, { scope: " " }))
      assert.strictEqual(answer.scope, "mcp.tools.call offline_access")
    })
  )

  it.effect(
    "F15 RF6 unknown scopes are dropped at a refresh too, and a known one that was not granted is refused",
    () =>
      Effect.gen(function* () {
        const { refresh_token } = yield* obtainTokens({ scope: "mcp.tools.call unheard" })
        const widened = yield* refresh(refresh_token, { scope: "mcp.tools.call offline_access unheard" })
        assert.strictEqual(widened.body.error, "invalid_scope")
        const commas = yield* refresh(refresh_token, { scope: "mcp.tools.call,unheard" })
        assert.strictEqual(commas.body.error, "invalid_scope")
        assert.include(commas.body.error_description, "not by commas")
        const some = isRotated(yield* refresh(refresh_token, { scope: "mcp.tools.call unheard" }))
        assert.strictEqual(some.scope, "mcp.tools.call")
        const none = isRotated(yield* refresh(some.refresh_token, { scope: "unheard" }))
        assert.strictEqual(none.scope, "mcp.tools.call")
      })
  )

  it.effect("RF6 scope may narrow, comes back in full, and never widens", () =>
    Effect.gen(function* () {
      const { refresh_token } = yield* obtainTokens()
      const before = yield* rowCounts()
      for (const scope of ["mcp.tools.call mcp.web.read", "mcp.web.read", '"']) {
        const answer = yield* refresh(refresh_token, { scope })
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(answer.body.error, "invalid_scope")
      }
      assert.deepStrictEqual(yield* rowCounts(), before)
      const narrow = isRotated(yield* refresh(refresh_token, { scope: "mcp.tools.call" }))
      assert.strictEqual(narrow.scope, "mcp.tools.call")
      const full = isRotated(yield* refresh(narrow.refresh_token))
      assert.strictEqual(full.scope, "mcp.tools.call offline_access")
    })
  )

  it.effect("RF7, RF9 junk, damaged and misplaced tokens are invalid_grant and write nothing", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* obtainTokens()
      const before = yield* rowCounts()
      const flipped = refresh_token.replace(/.$/, (last) => (last === "A" ? "B" : "A"))
      for (const bad of [
        "x",
        "mcp_rt_",
        refresh_token.slice(0, -1),
        `${refresh_token}A`,
        flipped,
        access_token,
        "\u0000"
      ]) {
        isInvalidGrant(yield* refresh(bad))
      }
      assert.deepStrictEqual(yield* rowCounts(), before)
      isRotated(yield* refresh(refresh_token))
    })
  )

  it.effect("RF8 resource is inherited when it is left out, and a foreign one rotates nothing", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const { refresh_token } = yield* obtainTokens()
      const answer = yield* refresh(refresh_token, { resource: "https://other.example/mcp" })
      assert.strictEqual(answer.body.error, "invalid_target")
      const next = isRotated(yield* refresh(refresh_token))
      assert.isTrue(yield* admitted(next.access_token))
      isRotated(yield* refresh(next.refresh_token, { resource: `${baseUrl}/mcp` }))
    })
  )

  it.effect("RF10 after a revocation the session is revoked and stays so, whatever is shown", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      assert.strictEqual((yield* revoke(second.refresh_token)).status, 200)
      isInvalidGrant(yield* refresh(second.refresh_token))
      isInvalidGrant(yield* refresh(first.refresh_token))
      assert.strictEqual((yield* newestSession).status, "revoked")
    })
  )

  it.effect("RF11 a token at or past its expiry, or a session past its end, is invalid_grant", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const idle = yield* obtainTokens()
      yield* sql`update mcp.oauth_refresh_tokens set expires_at = clock_timestamp()`.pipe(Effect.orDie)
      isInvalidGrant(yield* refresh(idle.refresh_token))
      assert.strictEqual((yield* newestSession).status, "active")
      const ended = yield* obtainTokens()
      yield* sql`update mcp.mcp_sessions set expires_at = clock_timestamp()`.pipe(Effect.orDie)
      isInvalidGrant(yield* refresh(ended.refresh_token))
      assert.isFalse(yield* admitted(ended.access_token))
    })
  )

  it.effect("RF11 new tokens never outlive the session", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const { refresh_token } = yield* obtainTokens()
      const { id } = yield* newestSession
      yield* sql`update mcp.mcp_sessions set expires_at = clock_timestamp() + interval '90 seconds' where id = ${id}`.pipe(
        Effect.orDie
      )
      const next = isRotated(yield* refresh(refresh_token))
      assert.isAtMost(next.expires_in, 90)
      const [row] = yield* sql`
        select bool_and(r.expires_at <= s.expires_at) as ok from mcp.oauth_refresh_tokens r
        join mcp.mcp_sessions s on s.id = r.session_id where s.id = ${id} and r.generation = 1`.pipe(Effect.orDie)
      assert.strictEqual(row?.ok, true)
    })
  )

  it.effect("RF15 a genuine token newer than the stored head is refused without a compromise", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      const { id } = yield* newestSession
      yield* sql`delete from mcp.oauth_refresh_tokens where session_id = ${id} and generation = 1`.pipe(Effect.orDie)
      yield* sql`update mcp.mcp_sessions set head_generation = 0 where id = ${id}`.pipe(Effect.orDie)
      isInvalidGrant(yield* refresh(second.refresh_token))
      assert.strictEqual((yield* newestSession).status, "active")
    })
  )

  it.effect("OP2 a retired token is recognised for what it is after cleanup took its row", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const store = yield* TokenStore
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      const { id } = yield* newestSession
      yield* sql`
        update mcp.oauth_refresh_tokens set revoked_at = revoked_at - interval '8 days'
        where session_id = ${id} and generation = 0`.pipe(Effect.orDie)
      assert.isAtLeast((yield* store.sweep(1000)).refreshTokens, 1)
      assert.isTrue(yield* admitted(second.access_token))
      isInvalidGrant(yield* refresh(first.refresh_token))
      assert.strictEqual((yield* newestSession).status, "compromised")
      assert.isFalse(yield* admitted(second.access_token))
    })
  )
})

layer(testApp(TestDatabase.pglite, { REFRESH_REUSE_GRACE_SECONDS: "120" }), {
  excludeTestServices: true,
  timeout: "60 seconds"
})("rotation with a grace", (it) => {
  it.effect("RF2 a repeat inside the grace gets the same successor, and the same access token", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      const again = isRotated(yield* refresh(first.refresh_token))
      assert.strictEqual(again.refresh_token, second.refresh_token)
      assert.strictEqual(again.access_token, second.access_token)
      assert.isAtMost(again.expires_in, second.expires_in)
      isRotated(yield* refresh(second.refresh_token))
      assert.strictEqual((yield* newestSession).status, "active")
    })
  )

  it.effect("RF2 long after the grace, but with the successor unused, a repeat still gets it", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      assert.isTrue(yield* admitted(first.access_token))
      const second = isRotated(yield* refresh(first.refresh_token))
      yield* age(20 * 3600)
      assert.strictEqual(isRotated(yield* refresh(first.refresh_token)).refresh_token, second.refresh_token)
    })
  )

  it.effect("RF3 50 refreshes at once with one token all get the same successor", () =>
    Effect.gen(function* () {
      const { refresh_token } = yield* obtainTokens()
      const answers = yield* Effect.all(
        Array.from({ length: 50 }, () => refresh(refresh_token)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      assert.strictEqual(new Set(answers.map(({ body }) => body.refresh_token)).size, 1)
      const { sql } = yield* TestApp
      const { id, head_generation } = yield* newestSession
      assert.strictEqual(head_generation, 1)
      const [heads] = yield* sql`
        select count(*)::int as n from mcp.oauth_refresh_tokens where session_id = ${id} and rotated_at is null`.pipe(
        Effect.orDie
      )
      assert.strictEqual(heads?.n, 1)
    })
  )

  it.effect("RF4 after the grace, once the successor's access token was used, a repeat compromises", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      assert.isTrue(yield* admitted(second.access_token))
      yield* age(121)
      isInvalidGrant(yield* refresh(first.refresh_token))
      assert.strictEqual((yield* newestSession).status, "compromised")
    })
  )

  it.effect("RF4 after the grace, once the successor was refreshed, a repeat compromises", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      isRotated(yield* refresh(second.refresh_token))
      yield* age(121)
      isInvalidGrant(yield* refresh(first.refresh_token))
      assert.strictEqual((yield* newestSession).status, "compromised")
    })
  )

  it.effect("RF13 a token several generations behind, each link in the grace, gets the current head", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      let head = first
      for (let generation = 0; generation < 4; generation++)
        head = { ...head, ...isRotated(yield* refresh(head.refresh_token)) }
      const again = isRotated(yield* refresh(first.refresh_token))
      assert.strictEqual(again.refresh_token, head.refresh_token)
      assert.strictEqual(again.access_token, head.access_token)
    })
  )

  it.effect("RF14 the hundred-first repeat is 429 with Retry-After, and the session lives", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      const { id } = yield* newestSession
      yield* sql`update mcp.oauth_refresh_tokens set replays = 100 where session_id = ${id}`.pipe(Effect.orDie)
      const slow = yield* refresh(first.refresh_token)
      assert.strictEqual(slow.status, 429)
      assert.isNotNull(slow.headers.get("retry-after"))
      isRotated(yield* refresh(second.refresh_token))
    })
  )

  it.effect("RF2 another scope, a revoked or a nearly spent access token gets a new one with the same successor", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      const narrow = isRotated(yield* refresh(first.refresh_token, { scope: "mcp.tools.call" }))
      assert.strictEqual(narrow.refresh_token, second.refresh_token)
      assert.notStrictEqual(narrow.access_token, second.access_token)
      assert.strictEqual(narrow.scope, "mcp.tools.call")
      yield* revoke(second.access_token)
      const renewed = isRotated(yield* refresh(first.refresh_token))
      assert.notStrictEqual(renewed.access_token, second.access_token)
      assert.isTrue(yield* admitted(renewed.access_token))
      const { id } = yield* newestSession
      yield* sql`update mcp.oauth_access_tokens set expires_at = clock_timestamp() + interval '30 seconds', revoked_at = null
        where session_id = ${id}`.pipe(Effect.orDie)
      assert.strictEqual(isRotated(yield* refresh(first.refresh_token)).expires_in, 3600)
    })
  )

  it.effect("seals are gone when their window is over, when the session ends, and hold nothing readable", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const first = yield* obtainTokens()
      const second = isRotated(yield* refresh(first.refresh_token))
      const { id } = yield* newestSession
      const seals = sql`
        select generation, position('mcp_'::bytea in sealed_successor) as readable from mcp.oauth_refresh_tokens
        where session_id = ${id} and sealed_successor is not null order by generation`.pipe(Effect.orDie)
      assert.deepStrictEqual(yield* seals, [{ generation: 0, readable: 0 }])
      yield* age(121)
      isRotated(yield* refresh(second.refresh_token))
      assert.deepStrictEqual(yield* seals, [{ generation: 1, readable: 0 }])
      yield* revoke(second.refresh_token)
      assert.deepStrictEqual(yield* seals, [])
    })
  )
})
