import { createHash } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { createClient } from "@redis/client"
import { Cause, Context, Effect, Exit, Layer, Schedule } from "effect"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import type { BrowserSessions } from "../../src/people/BrowserSessions.ts"
import type { People } from "../../src/people/People.ts"
import { Limiter, SharedCounts, TooMany } from "../../src/web/Limiter.ts"
import { countTogether } from "../../src/web/redis.ts"
import { type TestApp, testApp } from "../support/app.ts"
import { exchange, postForm } from "../support/client.ts"
import { capturedLogs } from "../support/logs.ts"
import { browserOf, somebody, visitPage } from "../support/people.ts"
import { clientOf, migratedDatabaseUrl } from "../support/postgres.ts"
import { hasRedis, redisServer } from "../support/redis.ts"

type Redis = Effect.Success<typeof redisServer>

/** What an instance counts, and how it is with Redis. */
const instance = Effect.fn("test.instance")(function* ({ redacted }: Redis) {
  const counts = yield* countTogether(redacted, (key) => createHash("sha256").update(key).digest("hex"))
  const limiter = yield* Effect.map(
    Layer.build(Layer.fresh(Limiter.layer).pipe(Layer.provide(Layer.succeed(SharedCounts, counts)))),
    Context.get(Limiter)
  )
  const until = (expected: boolean) =>
    Effect.repeat(Effect.sync(counts.isThere), {
      until: (isThere) => isThere === expected,
      schedule: Schedule.spaced("20 millis")
    })
  return { ...limiter, counts, untilThere: until(true), untilAway: until(false) }
})

const isRefused = (effect: Effect.Effect<void, TooMany>) =>
  Effect.map(Effect.exit(effect), (exit) => Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof TooMany)

const logging = (variables: Readonly<Record<string, string>> = {}) =>
  Layer.provideMerge(Logging, ServerConfig.layerOf({ LOG_FORMAT: "json", LOG_LEVEL: "info", ...variables }))

/** All that stands in Redis, with how many milliseconds it has left. */
const contentOf = ({ url }: Redis) =>
  Effect.promise(async () => {
    const client = await createClient({ url }).connect()
    const keys = await client.keys("*")
    const left = await Promise.all(keys.map((key) => client.pTTL(key)))
    client.destroy()
    return keys.map((key, index) => ({ key, left: left[index] ?? 0 }))
  })

// Skipped where there is no redis-server; `.ci/run` installs it.
describe.skipIf(!hasRedis)("limits that instances share", () => {
  it.live("what one instance counted is counted on the other, each kind for itself, and each in its window", () =>
    Effect.gen(function* () {
      const redis = yield* redisServer
      yield* redis.start
      const [one, other] = [yield* instance(redis), yield* instance(redis)]
      const [three, longer] = [{ limit: 3 }, { limit: 3, window: "10 minutes" }] as const
      for (const { take } of [one, other, one]) yield* take("failures", "192.0.2.1", three)
      assert.isTrue(yield* isRefused(other.take("failures", "192.0.2.1", three)))
      assert.isTrue(yield* isRefused(one.take("failures", "192.0.2.1", three)))
      assert.isFalse(yield* isRefused(one.take("authorize", "192.0.2.1", three)))
      for (const { take } of [one, other, one]) yield* take("sign-in", "a", longer)
      const { retryAfterSeconds } = yield* Effect.flip(other.take("sign-in", "a", longer))
      assert.isTrue(retryAfterSeconds > 60 && retryAfterSeconds <= 600, String(retryAfterSeconds))

      yield* one.note("failed", "ada", "1 minute")
      yield* other.note("failed", "ada", "1 minute")
      assert.deepStrictEqual([yield* one.noted("failed", "ada"), yield* other.noted("failed", "ada")], [2, 2])
      assert.strictEqual(yield* one.noted("failed", "bob"), 0)
      // What is noted is forgotten so long after the last of it.
      yield* one.note("failed", "eve", 1)
      yield* Effect.repeat(other.noted("failed", "eve"), { until: (count) => count === 0 })
      assert.strictEqual(one.counts.countedHere() + other.counts.countedHere(), 0)
    }).pipe(Effect.scoped)
  )

  it.live(
    "Redis goes, and comes back: requests go on, each process counts for itself meanwhile, and both are said once",
    () =>
      Effect.gen(function* () {
        const logs = yield* capturedLogs
        const redis = yield* redisServer
        yield* redis.start
        const [one, other] = [yield* instance(redis), yield* instance(redis)]
        const two = { limit: 2 }
        for (const { take } of [one, other]) yield* take("failures", "a", two)
        assert.isTrue(yield* isRefused(one.take("failures", "a", two)))

        yield* redis.kill
        for (const { take } of [one, one, other, other]) yield* take("failures", "a", two)
        for (const { take } of [one, other]) assert.isTrue(yield* isRefused(take("failures", "a", two)))
        yield* one.note("failed", "ada", "1 minute")
        assert.deepStrictEqual([yield* one.noted("failed", "ada"), yield* other.noted("failed", "ada")], [1, 0])
        yield* one.untilAway
        assert.strictEqual(one.counts.countedHere(), 5)

        yield* redis.start
        yield* Effect.all([one.untilThere, other.untilThere])
        for (const { take } of [one, other]) yield* take("failures", "a", two)
        assert.isTrue(yield* isRefused(other.take("failures", "a", two)))
        assert.strictEqual(one.counts.countedHere(), 5)
        yield* logs.find(({ message }) => String(message).startsWith("Redis answers again"))

        const lines = logs.lines.filter(({ message }) => /redis/i.test(JSON.stringify(message)))
        assert.sameDeepMembers(
          lines.map(({ message, level }) => [level, message]),
          [one, other].flatMap(() => [
            ["WARN", "Redis does not answer: limits are counted in this process alone"],
            ["INFO", "Redis answers again: limits are counted by all instances together"]
          ])
        )
        assert.notInclude(JSON.stringify(logs.lines), "sesame")
      }).pipe(Effect.provide(logging()), Effect.scoped)
  )

  it.live("Redis hangs: whoever asks just then waits for it once, and nobody after them", () =>
    Effect.gen(function* () {
      const redis = yield* redisServer
      yield* redis.start
      const one = yield* instance(redis)
      yield* one.take("failures", "a", { limit: 100 })
      yield* redis.freeze
      // Those ten wait together; a test that waited for Redis itself would never end.
      yield* Effect.all(
        Array.from({ length: 10 }, () => one.take("failures", "a", { limit: 100 })),
        { concurrency: "unbounded" }
      )
      yield* one.untilAway
      // Without a turn of the loop in which anything could have answered.
      const asked = Array.from({ length: 90 }, () => Effect.runSyncExit(one.take("failures", "a", { limit: 100 })))
      assert.isTrue(asked.every(Exit.isSuccess))
      assert.isTrue(Exit.isFailure(Effect.runSyncExit(one.take("failures", "a", { limit: 100 }))))
      yield* redis.thaw
      yield* one.untilThere
    }).pipe(Effect.scoped)
  )

  for (const [state, before] of [
    ["is not there", (_: Redis) => Effect.void],
    ["hangs", (redis: Redis) => Effect.andThen(redis.start, redis.freeze)]
  ] as const) {
    it.live(`Redis ${state} at start: the server starts, and counts together from when it is there`, () =>
      Effect.gen(function* () {
        const logs = yield* capturedLogs
        const redis = yield* redisServer
        yield* before(redis)
        const one = yield* instance(redis)
        assert.isFalse(one.counts.isThere())
        yield* one.take("failures", "a", { limit: 1 })
        assert.isTrue(yield* isRefused(one.take("failures", "a", { limit: 1 })))
        assert.lengthOf(logs.lines, 1)
        yield* redis.kill
        yield* redis.start
        yield* one.untilThere
        assert.isFalse(yield* isRefused(one.take("failures", "a", { limit: 1 })))
      }).pipe(Effect.provide(logging()), Effect.scoped)
    )
  }

  it.live("a Redis that cannot count, such as a replica or one that wants another password, is as good as none", () =>
    Effect.gen(function* () {
      const redis = yield* redisServer
      yield* redis.start
      const one = yield* instance(redis)
      const told = (...command: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          const client = await createClient({ url: redis.url }).connect()
          await client.sendCommand([...command])
          client.destroy()
        })
      yield* told("REPLICAOF", "127.0.0.1", "9")
      yield* one.take("failures", "a", { limit: 1 })
      yield* one.note("failed", "ada", "1 minute")
      yield* one.untilAway
      const another = yield* instance(redis)
      assert.isFalse(another.counts.isThere())
      yield* told("REPLICAOF", "NO", "ONE")
      yield* Effect.all([one.untilThere, another.untilThere])
    }).pipe(Effect.scoped)
  )

  it.live(
    "servers share what Redis counts: failures of an address, tries of a name; no address or name stands there",
    () =>
      Effect.gen(function* () {
        const redis = yield* redisServer
        yield* redis.start
        const url = yield* migratedDatabaseUrl
        const server = Effect.gen(function* () {
          const database = Layer.fresh(Layer.orDie(PgClient.layerFrom(clientOf(url))))
          const context = yield* Layer.build(
            Layer.fresh(
              testApp(database, {
                RATE_LIMIT_ENABLED: "true",
                RATE_LIMIT_FAILURES_PER_MINUTE: "4",
                TRUST_PROXY: "1",
                REDIS_URL: redis.url
              })
            )
          )
          return <A, E>(effect: Effect.Effect<A, E, TestApp | People | BrowserSessions>) =>
            Effect.provideContext(effect, context)
        })
        const [one, other] = [yield* server, yield* server]
        const from = { "x-forwarded-for": "203.0.113.9" }
        const junk = exchange({ code: "mcp_ac_junk", verifier: "x".repeat(43) }, {}, from)
        const statuses = (all: ReadonlyArray<typeof one>, asked: typeof junk) =>
          Effect.forEach(all, (on) => Effect.map(on(asked), ({ status }) => status))
        assert.deepStrictEqual(yield* statuses([one, other, one, other], junk), [400, 400, 400, 400])
        assert.deepStrictEqual(yield* statuses([one, other], junk), [429, 429])

        const logIn = postForm(
          "/login",
          { email: "ada@people.example", password: "wrong horse battery", return_to: "/account" },
          from
        )
        // Three failures are free, and the next takes longer on whichever server it is.
        const wrong = yield* statuses([one, other, one, other, one], logIn)
        assert.notInclude(wrong, 429)
        assert.deepStrictEqual(yield* statuses([other, one], logIn), [429, 429])

        const page = Effect.gen(function* () {
          const { id } = yield* somebody("Ada")
          const { cookie } = yield* browserOf(id)
          return visitPage("/admin/server", cookie)
        })
        const visit = yield* one(page)
        assert.match((yield* one(visit)).text, /by all instances together/)

        const content = yield* contentOf(redis)
        assert.isAtLeast(content.length, 4)
        for (const { key, left } of content) {
          assert.match(key, /^gatehouse:/)
          assert.notMatch(key, /203\.0\.113|people\.example/)
          assert.isTrue(left > 0 && left <= 3_600_000, `${key} ${left}`)
        }

        yield* redis.kill
        assert.strictEqual((yield* one(logIn)).status, 401)
        assert.match((yield* one(visit)).text, /by this process alone: Redis does not answer \(\d+ counted here/)
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )
})
