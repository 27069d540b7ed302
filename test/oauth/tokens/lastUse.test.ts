import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { Stores } from "../../../src/app/app.ts"
import { Logging } from "../../../src/app/logging.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { makeAuthenticate } from "../../../src/oauth/tokens/bearer.ts"
import * as OpaqueToken from "../../../src/oauth/tokens/opaqueToken.ts"
import { ServerKeys } from "../../../src/oauth/tokens/ServerKeys.ts"
import { newCode, publicClient, tokens } from "../../support/grants.ts"
import { onBothDatabases } from "../../support/postgres.ts"

/** A minute later, and as long in real time as the database takes. */
const minuteLater = <E, R>(holds: Effect.Effect<boolean, E, R>) =>
  Effect.andThen(
    TestClock.adjust("1 minute"),
    TestClock.withLive(
      holds.pipe(
        Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("10 millis") }),
        Effect.timeout("5 seconds")
      )
    )
  )

/** With stores of its own, which are closed at its end. Only they live by the test's clock, not the connection pool. */
const inTestTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.provide(Stores, { local: true }), Effect.provide(TestClock.layer()))

onBothDatabases((name, database) => {
  const services = Layer.provideMerge(Logging, ServerConfig.layerOf({ LOG_LEVEL: "none" }))

  const signIn = Effect.gen(function* () {
    yield* (yield* ClientRegistry).save(publicClient("one"))
    const pair = yield* tokens("one", yield* newCode("one"))
    const token = Redacted.make(pair?.access_token ?? "")
    const { byId } = yield* ServerKeys
    return { token, sessionId: OpaqueToken.read("access", byId, token)?.sessionId ?? "" }
  })
  const use = Effect.fn("use")(function* (token: Redacted.Redacted) {
    const authenticate = yield* makeAuthenticate()
    return yield* authenticate(`Bearer ${Redacted.value(token)}`)
  })
  const lastUseOf = Effect.fn("lastUseOf")(function* (sessionId: string) {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<{ at: Date | null }>`
      select last_used_at as at from mcp.mcp_sessions where id = ${sessionId}`.pipe(Effect.orDie)
    return row?.at ?? undefined
  })
  const isKnown = (sessionId: string) => Effect.map(lastUseOf(sessionId), (at) => at !== undefined)

  it.layer(Layer.merge(services, database), { excludeTestServices: true, timeout: "60 seconds" })(
    `last use on ${name}`,
    (it) => {
      it.effect("is written once a minute, for the sessions that were used and for no other", () =>
        Effect.gen(function* () {
          const [used, unused] = [yield* signIn, yield* signIn]
          assert.strictEqual((yield* use(used.token)).sessionId, used.sessionId)
          assert.isUndefined(yield* lastUseOf(used.sessionId))
          yield* minuteLater(isKnown(used.sessionId))
          assert.isUndefined(yield* lastUseOf(unused.sessionId))
        }).pipe(inTestTime)
      )

      it.effect("is written when the server ends", () =>
        Effect.gen(function* () {
          const used = yield* Effect.gen(function* () {
            const session = yield* signIn
            yield* use(session.token)
            return session
          }).pipe(inTestTime)
          assert.isDefined(yield* lastUseOf(used.sessionId))
        })
      )

      it.effect("is tried again when the database refused it", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const used = yield* signIn
          yield* use(used.token)
          yield* sql`alter table mcp.mcp_sessions rename last_used_at to mislaid`
          yield* TestClock.adjust("1 minute")
          yield* TestClock.withLive(Effect.sleep("100 millis"))
          yield* sql`alter table mcp.mcp_sessions rename mislaid to last_used_at`
          assert.isUndefined(yield* lastUseOf(used.sessionId))
          yield* minuteLater(isKnown(used.sessionId))
        }).pipe(inTestTime)
      )
    }
  )
})
