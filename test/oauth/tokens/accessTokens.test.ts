import { randomBytes, randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Queue, Redacted, Schedule, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { Logging } from "../../../src/app/logging.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { RevocationFeed } from "../../../src/database/connect.ts"
import { AccessTokens } from "../../../src/oauth/tokens/AccessTokens.ts"
import * as OpaqueToken from "../../../src/oauth/tokens/opaqueToken.ts"
import { Revocations } from "../../../src/oauth/tokens/Revocations.ts"
import { deriveServerKey, ServerKeys } from "../../../src/oauth/tokens/ServerKeys.ts"
import { TestDatabase } from "../../support/postgres.ts"

type Rows = ReadonlyArray<Readonly<Record<string, unknown>>>
type Feed = Queue.Queue<{ readonly payload: string }, SqlError>

const settings = Layer.provideMerge(Logging, ServerConfig.layerOf({ LOG_LEVEL: "none" }))

/** A database that answers what the test says, when the test says so. */
const scripted = (answer: (statement: string, values: ReadonlyArray<unknown>) => Effect.Effect<Rows>) => {
  const client = (parts: ReadonlyArray<string>, ...values: ReadonlyArray<unknown>) =>
    Effect.suspend(() => answer(parts.join("?").trim(), values))
  // Only the template is ever used by what is tested here.
  return Layer.succeed(SqlClient.SqlClient, client as unknown as SqlClient.SqlClient)
}

const newToken = () => {
  const key = deriveServerKey(7, randomBytes(32))
  const minted = OpaqueToken.mint("access", key, randomUUID(), 0)
  const token = OpaqueToken.read("access", () => key, minted.secret)
  if (token === undefined) throw new Error("a token of our own is not read")
  return { token, fingerprint: OpaqueToken.fingerprint(Redacted.value(minted.secret)) }
}

const row = {
  client_id: "one",
  subject: "somebody",
  scopes: [],
  resource: "r",
  expires_at: new Date(Date.now() + 3_600_000),
  remaining: 3_600_000,
  first_of_head: false
}

/** Look-ups that wait, each with the answer that it will have. */
const waitingQueries = () => {
  const asked: Array<Deferred.Deferred<Rows>> = []
  const database = scripted((statement) =>
    Effect.suspend(() => {
      if (!statement.startsWith("select")) return Effect.succeed([])
      const answer = Deferred.makeUnsafe<Rows>()
      asked.push(answer)
      return Deferred.await(answer)
    })
  )
  return {
    asked,
    database,
    reply: (query: number, rows: Rows) =>
      Effect.suspend(() => {
        const answer = asked[query]
        return answer === undefined ? Effect.die(new Error(`no query ${query}`)) : Deferred.succeed(answer, rows)
      })
  }
}

const until = (holds: () => boolean) =>
  Effect.sync(holds).pipe(
    Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("2 millis") }),
    Effect.timeout("10 seconds")
  )

const feedOf = (feed: Effect.Effect<Feed, SqlError, Scope.Scope> | undefined) => Layer.succeed(RevocationFeed, feed)

/** The service over a database and a feed. */
const tokensOver = Effect.fnUntraced(function* (
  database: Layer.Layer<SqlClient.SqlClient>,
  feed: Effect.Effect<Feed, SqlError, Scope.Scope> | undefined
) {
  const context = yield* Layer.build(
    Layer.fresh(
      AccessTokens.layer.pipe(
        Layer.provideMerge(Revocations.layer),
        Layer.provide(Layer.mergeAll(database, feedOf(feed), settings))
      )
    )
  )
  return { tokens: Context.get(context, AccessTokens), revocations: Context.get(context, Revocations) }
})

const newFeed: Effect.Effect<Feed> = Queue.unbounded<{ readonly payload: string }, SqlError>()

describe("access tokens in memory, by what the database has answered and told", () => {
  it.live("T what this process ends is forgotten at once, before the database has told it", () =>
    Effect.gen(function* () {
      const { tokens, revocations } = yield* tokensOver(
        scripted((statement) => Effect.succeed(statement.startsWith("select") ? [row] : [])),
        Effect.succeed(yield* newFeed)
      )
      yield* until(revocations.hears)
      const { token, fingerprint } = newToken()
      assert.isDefined(yield* tokens.find(token))
      assert.isDefined(tokens.recall(fingerprint, Date.now()))
      yield* tokens.revoke(token, "one")
      assert.isUndefined(tokens.recall(fingerprint, Date.now()))
    }).pipe(Effect.scoped)
  )

  it.live("T an answer that was asked for before a revocation is not kept, whatever it is about", () =>
    Effect.gen(function* () {
      const { asked, database, reply } = waitingQueries()
      const queue = yield* newFeed
      const { tokens, revocations } = yield* tokensOver(database, Effect.succeed(queue))
      yield* until(revocations.hears)
      for (const isTold of [false, true]) {
        const { token, fingerprint } = newToken()
        const epoch = revocations.epoch()
        const finding = yield* Effect.forkChild(tokens.find(token), { startImmediately: true })
        if (isTold) {
          yield* Queue.offer(queue, { payload: randomUUID() })
          yield* until(() => revocations.epoch() !== epoch)
        }
        yield* reply(asked.length - 1, [row])
        assert.isDefined(yield* Fiber.join(finding))
        assert.strictEqual(tokens.recall(fingerprint, Date.now()) === undefined, isTold)
      }
    }).pipe(Effect.scoped)
  )

  it.live("T a query on its way is shared while nothing is told, and by nobody who came after a revocation", () =>
    Effect.gen(function* () {
      const { asked, database, reply } = waitingQueries()
      const queue = yield* newFeed
      const { tokens, revocations } = yield* tokensOver(database, Effect.succeed(queue))
      yield* until(revocations.hears)
      const { token } = newToken()
      const find = Effect.forkChild(tokens.find(token), { startImmediately: true })
      const before = [yield* find, yield* find]
      const epoch = revocations.epoch()
      yield* Queue.offer(queue, { payload: token.sessionId })
      yield* until(() => revocations.epoch() !== epoch)
      const after = [yield* find, yield* find, yield* find]
      yield* reply(0, [row])
      for (const fiber of before) assert.isDefined(yield* Fiber.join(fiber))
      yield* until(() => asked.length === 2)
      yield* reply(1, [])
      for (const fiber of after) assert.isUndefined(yield* Fiber.join(fiber))
      assert.lengthOf(asked, 2)
    }).pipe(Effect.scoped)
  )

  it.live(
    "B17 where nothing is heard, a query that has begun is shared by nobody who comes later; they share the next",
    () =>
      Effect.gen(function* () {
        const { asked, database, reply } = waitingQueries()
        const { tokens } = yield* tokensOver(database, undefined)
        const { token, fingerprint } = newToken()
        const find = Effect.forkChild(tokens.find(token), { startImmediately: true })
        const first = yield* find
        const later = [yield* find, yield* find, yield* find]
        yield* reply(0, [row])
        assert.isDefined(yield* Fiber.join(first))
        yield* until(() => asked.length === 2)
        yield* reply(1, [])
        for (const fiber of later) assert.isUndefined(yield* Fiber.join(fiber))
        assert.lengthOf(asked, 2)
        assert.isUndefined(tokens.recall(fingerprint, Date.now()))
      }).pipe(Effect.scoped)
  )

  it.live("B17 what was asked before the first moment of hearing is neither kept nor shared", () =>
    Effect.gen(function* () {
      const { asked, database, reply } = waitingQueries()
      const connected = Deferred.makeUnsafe<Feed>()
      const { tokens, revocations } = yield* tokensOver(database, Deferred.await(connected))
      const { token, fingerprint } = newToken()
      const find = Effect.forkChild(tokens.find(token), { startImmediately: true })
      const first = yield* find
      yield* Deferred.succeed(connected, yield* newFeed)
      yield* until(revocations.hears)
      const second = yield* find
      yield* reply(0, [row])
      assert.isDefined(yield* Fiber.join(first))
      yield* until(() => asked.length === 2)
      assert.isUndefined(tokens.recall(fingerprint, Date.now()))
      yield* reply(1, [])
      assert.isUndefined(yield* Fiber.join(second))
    }).pipe(Effect.scoped)
  )

  it.live("B17 a query that fails fails for those as well who would have had the next one, and nobody is stuck", () =>
    Effect.gen(function* () {
      let queries = 0
      const gate = Deferred.makeUnsafe<void>()
      const failing = scripted(() =>
        ++queries === 1 ? Effect.andThen(Deferred.await(gate), Effect.die(new Error("no"))) : Effect.succeed([row])
      )
      const { tokens } = yield* tokensOver(failing, undefined)
      const { token } = newToken()
      const find = Effect.forkChild(tokens.find(token), { startImmediately: true })
      const all = [yield* find, yield* find, yield* find]
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of all) assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
      assert.isDefined(yield* tokens.find(token))
    }).pipe(Effect.scoped)
  )
})

/** Minutes of the test's clock, until it holds. */
const minutesUntil = (holds: () => boolean) =>
  Effect.andThen(TestClock.adjust("1 minute"), TestClock.withLive(Effect.sleep("20 millis"))).pipe(
    Effect.andThen(Effect.sync(holds)),
    Effect.repeat({ until: (is) => is, times: 200 }),
    Effect.map((is) => assert.isTrue(is))
  )

describe("what goes on in the background", () => {
  it.live("B18 the listener goes on after a defect", () =>
    Effect.gen(function* () {
      const queue = yield* newFeed
      let times = 0
      const dying = Effect.suspend(() => (++times === 1 ? Effect.die(new Error("a defect")) : Effect.succeed(queue)))
      const { revocations } = yield* tokensOver(
        scripted(() => Effect.succeed([])),
        dying
      )
      yield* until(revocations.hears)
      assert.strictEqual(times, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("B18 the keys are refreshed after a defect", () =>
    Effect.gen(function* () {
      let loads = 0
      const key = (id: number) => ({ id, secret: randomBytes(32), mature: true })
      const database = scripted(() => {
        loads++
        if (loads === 2) return Effect.die(new Error("a defect"))
        return Effect.succeed(loads === 1 ? [key(1)] : [key(2), key(1)])
      })
      const context = yield* Layer.build(
        Layer.fresh(ServerKeys.layer.pipe(Layer.provide(Layer.merge(database, settings))))
      )
      const keys = Context.get(context, ServerKeys)
      assert.isUndefined(keys.byId(2))
      yield* minutesUntil(() => keys.byId(2) !== undefined)
      assert.isDefined(keys.byId(1))
    }).pipe(Effect.scoped)
  )

  it.effect("B18 last use is written after a defect, and T also what was only recalled from memory", () =>
    Effect.gen(function* () {
      const written: Array<unknown> = []
      let updates = 0
      const database = scripted((statement, [batch]) =>
        Effect.suspend(() => {
          if (statement.startsWith("select")) return Effect.succeed([row])
          if (++updates === 1) return Effect.die(new Error("a defect"))
          written.push(batch)
          return Effect.succeed([])
        })
      )
      const { tokens, revocations } = yield* tokensOver(database, Effect.succeed(yield* newFeed))
      yield* TestClock.withLive(until(revocations.hears))
      const { token, fingerprint } = newToken()
      yield* tokens.find(token)
      yield* minutesUntil(() => written.length > 0)
      assert.deepStrictEqual(written, [[token.sessionId]])
      // Only the memory is asked now. A time before it was kept, as the test's clock has gone on.
      assert.isDefined(tokens.recall(fingerprint, 0))
      yield* minutesUntil(() => written.length > 1)
      assert.deepStrictEqual(written[1], [token.sessionId])
    }).pipe(Effect.scoped)
  )
})

it.layer(TestDatabase.quick, { excludeTestServices: true })("server keys", (it) => {
  it.effect("T a new key verifies at once, and signs only when every instance has had time to see it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const instance = Effect.map(Layer.build(Layer.fresh(ServerKeys.layer.pipe(Layer.provide(settings)))), (context) =>
        Context.get(context, ServerKeys)
      )
      const first = yield* instance
      const old = first.signing().id
      const added = yield* first.rotate
      assert.isDefined(added)
      const second = yield* instance
      assert.strictEqual(second.signing().id, old)
      assert.isDefined(second.byId(added ?? -1))
      // Instances look every 60 s, and one of them may have failed.
      yield* sql`update mcp.server_keys set created_at = clock_timestamp() - interval '1 day' where id = ${old}`
      yield* sql`update mcp.server_keys set created_at = clock_timestamp() - interval '100 s' where id = ${added}`
      assert.strictEqual((yield* instance).signing().id, old)
      yield* sql`update mcp.server_keys set created_at = clock_timestamp() - interval '121 s' where id = ${added}`
      const third = yield* instance
      assert.strictEqual(third.signing().id, added)
      assert.isDefined(third.byId(old))
    }).pipe(Effect.scoped)
  )
})
