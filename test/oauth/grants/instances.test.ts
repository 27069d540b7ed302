/**
 * Several instances on one Postgres. Within a process a session's refreshes queue in a lane, so what the database alone
 * holds together is only seen between processes.
 */

import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Schedule, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../../src/app/app.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { within } from "../../../src/database/query.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { revoke } from "../../../src/oauth/grants/revoke.ts"
import type { TokenResponse } from "../../../src/oauth/grants/token.ts"
import * as Bearer from "../../../src/oauth/tokens/bearer.ts"
import { granted, newCode, presenter, publicClient, refreshRequest, tokens } from "../../support/grants.ts"
import { clientOf, migratedDatabaseUrl } from "../../support/postgres.ts"

type Services = Layer.Success<typeof Stores> | ServerConfig | SqlClient.SqlClient | Scope.Scope

/** Stores with pools, memories and lanes of their own, on one new database. */
const instances = Effect.fn("test.instances")(function* (count: number, graceSeconds: number) {
  const url = yield* migratedDatabaseUrl
  const stores = Layer.fresh(
    Stores.pipe(
      Layer.provideMerge(PgClient.layerFrom(clientOf(url))),
      Layer.provideMerge(
        ServerConfig.layerOf({ LOG_LEVEL: "none", REFRESH_REUSE_GRACE_SECONDS: String(graceSeconds) })
      ),
      Layer.orDie
    )
  )
  const all: Array<<A, E>(effect: Effect.Effect<A, E, Services>) => Effect.Effect<A, E>> = []
  for (let index = 0; index < count; index++) {
    const services: Context.Context<Services> = Context.add(
      yield* Layer.build(stores),
      Scope.Scope,
      yield* Effect.scope
    )
    all.push(Effect.provideContext(services))
  }
  const [one, other] = all
  if (one === undefined || other === undefined) return yield* Effect.die("two at least")
  yield* one(Effect.flatMap(ClientRegistry, (registry) => registry.save(publicClient("one"))))
  return { all, one, other }
})

const login = Effect.gen(function* () {
  const code = yield* newCode("one")
  const answer = yield* tokens("one", code)
  return { code, refreshToken: answer?.refresh_token ?? "" }
})
const refreshed = (token: string) => tokens("one", refreshRequest(token))
const revoked = (token: string) => revoke(new Map([["token", token]]), presenter("one")).pipe(Effect.orDie)

const query = (build: (sql: SqlClient.SqlClient) => Effect.Effect<ReadonlyArray<object>, unknown>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.orDie(build(sql)))
const session = query((sql) => sql`select status, head_generation from mcp.mcp_sessions`)
const alive = query(
  (sql) => sql`
    select 'access' as kind from mcp.oauth_access_tokens where revoked_at is null
    union all select 'refresh' from mcp.oauth_refresh_tokens where revoked_at is null`
)
const lockSession = query((sql) => sql`select id from mcp.mcp_sessions for update`)

/** Somebody waits for a lock of this database. */
const isLockAwaited = Effect.map(
  query((sql) => sql`select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`),
  (waiting) => waiting.length > 0
)

/** Somebody else is in the middle of a statement or a transaction on this database. */
const isAnybodyAtWork = Effect.map(
  query(
    (sql) => sql`
      select pid from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'`
  ),
  (busy) => busy.length > 0
)

type Instances = Effect.Success<ReturnType<typeof instances>>

/**
 * Runs `contender` on the other instance while a transaction of the first is open: it begins after `held`, and the
 * transaction commits after `then`, once the contender waits for a lock, or has ended because it did not.
 */
const contend = Effect.fn("test.contend")(function* <A>(
  { one, other, all }: Instances,
  held: Effect.Effect<unknown, never, Services>,
  contender: Effect.Effect<A, never, Services>,
  then: (fiber: Fiber.Fiber<A>) => Effect.Effect<unknown, never, Services> = () => Effect.void
) {
  const go = yield* Deferred.make<void>()
  const fiber = yield* Effect.forkChild(Effect.andThen(Deferred.await(go), other(contender)))
  const observer = all[2] ?? other
  yield* one(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Effect.gen(function* () {
        yield* held
        yield* Deferred.succeed(go, undefined)
        yield* Effect.repeat(
          observer(isLockAwaited).pipe(Effect.map((waits) => waits || fiber.pollUnsafe() !== undefined)),
          { until: (arrived) => arrived, schedule: Schedule.spaced("5 millis") }
        )
        yield* then(fiber)
      }).pipe(sql.withTransaction, Effect.orDie)
    })
  )
  return yield* Fiber.await(fiber)
})

describe("several instances on one database", () => {
  for (const [mode, graceSeconds] of [
    ["strict", 0],
    ["with a grace", 120]
  ] as const) {
    it.live(
      `T1 RF3 24 refreshes of one token at once by four instances have one successor (${mode})`,
      () =>
        Effect.gen(function* () {
          const { all, one } = yield* instances(4, graceSeconds)
          for (let round = 0; round < 30; round++) {
            yield* one(query((sql) => sql`delete from mcp.mcp_sessions`))
            const { refreshToken } = yield* one(login)
            const answers = yield* Effect.all(
              Array.from({ length: 6 }, () => all.map((instance) => instance(refreshed(refreshToken)))).flat(),
              { concurrency: "unbounded" }
            )
            const successors = answers.flatMap((answer) => (answer === undefined ? [] : [answer.refresh_token]))
            assert.lengthOf(new Set(successors), 1)
            assert.lengthOf(successors, graceSeconds === 0 ? 1 : 24)
            const status = graceSeconds === 0 ? "compromised" : "active"
            assert.deepStrictEqual(yield* one(session), [{ status, head_generation: 1 }])
          }
        }).pipe(Effect.scoped),
      { timeout: 120_000 }
    )

    it.live(
      `T1 RF3 a refresh that waited for another one of the same token does not rotate again (${mode})`,
      () =>
        Effect.gen(function* () {
          const both = yield* instances(3, graceSeconds)
          const { refreshToken } = yield* both.one(login)
          let first: string | undefined
          const held = Effect.map(refreshed(refreshToken), (answer) => {
            first = answer?.refresh_token
          })
          const exit = yield* contend(both, held, refreshed(refreshToken))
          assert.isDefined(first)
          const second = exit._tag === "Success" ? exit.value?.refresh_token : "failed"
          assert.strictEqual(second, graceSeconds === 0 ? undefined : first)
          const status = graceSeconds === 0 ? "compromised" : "active"
          assert.deepStrictEqual(yield* both.one(session), [{ status, head_generation: 1 }])
        }).pipe(Effect.scoped),
      { timeout: 60_000 }
    )
  }

  it.live("T2 a repeat that waited for a revocation gets nothing: it is judged by the session as it is then", () =>
    Effect.gen(function* () {
      const both = yield* instances(3, 120)
      const { refreshToken } = yield* both.one(login)
      yield* both.one(refreshed(refreshToken))
      const exit = yield* contend(both, revoked(refreshToken), refreshed(refreshToken))
      assert.isTrue(exit._tag === "Success" && exit.value === undefined)
      assert.deepStrictEqual(yield* both.one(session), [{ status: "revoked", head_generation: 1 }])
      assert.deepStrictEqual(yield* both.one(alive), [])
    }).pipe(Effect.scoped)
  )

  it.live("T3 a revocation that waited for a refresh ends the tokens of that refresh too", () =>
    Effect.gen(function* () {
      const both = yield* instances(3, 0)
      const { refreshToken } = yield* both.one(login)
      yield* contend(both, refreshed(refreshToken), revoked(refreshToken))
      assert.deepStrictEqual(yield* both.one(session), [{ status: "revoked", head_generation: 1 }])
      assert.deepStrictEqual(yield* both.one(alive), [])
    }).pipe(Effect.scoped)
  )

  it.live("T4 TK9 a code's second redemption that waited for a refresh ends the tokens of that refresh too", () =>
    Effect.gen(function* () {
      const both = yield* instances(3, 0)
      const { code, refreshToken } = yield* both.one(login)
      yield* contend(both, refreshed(refreshToken), tokens("one", code))
      assert.deepStrictEqual(yield* both.one(session), [{ status: "revoked", head_generation: 1 }])
      assert.deepStrictEqual(yield* both.one(alive), [])
    }).pipe(Effect.scoped)
  )

  it.live("T5 RF4 the grace is measured when the lock is held, and not when it was asked for", () =>
    Effect.gen(function* () {
      const both = yield* instances(3, 120)
      const { refreshToken } = yield* both.one(login)
      yield* both.one(refreshed(refreshToken))
      yield* both.one(query((sql) => sql`update mcp.mcp_sessions set confirmed_at = now()`))
      // The grace ends while the repeat waits.
      const graceEnds = query((sql) =>
        Effect.andThen(
          sql`update mcp.oauth_refresh_tokens set rotated_at = clock_timestamp() - interval '120 s' where generation = 0`,
          sql`select pg_sleep(0.01)`
        )
      )
      const exit = yield* contend(both, lockSession, refreshed(refreshToken), () => graceEnds)
      assert.isTrue(exit._tag === "Success" && exit.value === undefined)
      assert.deepStrictEqual(yield* both.one(session), [{ status: "compromised", head_generation: 1 }])
    }).pipe(Effect.scoped)
  )

  describe("a caller who was given up before it was its turn, and may have been answered elsewhere since, ends nothing", () => {
    const giveUp = <A>(fiber: Fiber.Fiber<A>) => Effect.sync(() => fiber.interruptUnsafe())

    it.live("T8 TK10 with its code", () =>
      Effect.gen(function* () {
        const both = yield* instances(3, 120)
        const code = yield* both.one(newCode("one"))
        yield* contend(both, tokens("one", code), tokens("one", code), giveUp)
        assert.deepStrictEqual(yield* both.one(session), [{ status: "active", head_generation: 0 }])
      }).pipe(Effect.scoped)
    )

    it.live("T8 RF4 with its refresh token", () =>
      Effect.gen(function* () {
        const both = yield* instances(3, 0)
        const { refreshToken } = yield* both.one(login)
        yield* contend(both, refreshed(refreshToken), refreshed(refreshToken), giveUp)
        assert.deepStrictEqual(yield* both.one(session), [{ status: "active", head_generation: 1 }])
      }).pipe(Effect.scoped)
    )
  })

  for (const [what, spend] of [
    ["RF4 its refresh token", refreshed],
    ["TK10 its code", (_: string, code: ReadonlyMap<string, string>) => tokens("one", code)]
  ] as const) {
    it.live(`T9 ${what} ends nothing for a caller who was told meanwhile that there is no answer`, () =>
      Effect.gen(function* () {
        const both = yield* instances(3, 0)
        const { code, refreshToken } = yield* both.one(login)
        yield* both.one(refreshed(refreshToken))
        const soon = within(300)(spend(refreshToken, code)).pipe(Effect.catchCause(() => Effect.void))
        yield* contend(both, lockSession, soon, Fiber.await)
        yield* Effect.repeat(both.one(isAnybodyAtWork), {
          until: (isBusy) => !isBusy,
          schedule: Schedule.spaced("20 millis")
        })
        assert.deepStrictEqual(yield* both.one(session), [{ status: "active", head_generation: 1 }])
      }).pipe(Effect.scoped)
    )
  }

  describe("a code whose redemption was answered by nobody, as when its process was killed", () => {
    /** Redeems and does not answer, as long as the test lives. */
    const redeemed = Effect.gen(function* () {
      const code = yield* newCode("one")
      const answer = yield* granted("one", code)
      return { code, answer }
    })
    const age = query(
      (sql) => sql`update mcp.oauth_redemptions set created_at = created_at - interval '11 s' returning session_id`
    )

    it.live("T7 TK9 is not redeemed again before it is settled, then once, with the same tokens", () =>
      Effect.gen(function* () {
        const { one, other } = yield* instances(2, 120)
        const { code, answer } = yield* one(redeemed)
        const early = yield* other(Effect.flip(granted("one", code)))
        assert.strictEqual(early._tag, "temporarily_unavailable")
        assert.lengthOf(yield* one(age), 1)
        const again = yield* other(tokens("one", code))
        assert.deepStrictEqual(again, { ...answer, expires_in: again?.expires_in ?? 0 })
        assert.isDefined(yield* other(refreshed(answer.refresh_token ?? "")))
        assert.isUndefined(yield* other(tokens("one", code)))
        assert.deepStrictEqual(yield* one(session), [{ status: "revoked", head_generation: 1 }])
      }).pipe(Effect.scoped)
    )

    it.live("T7 TK9 is not redeemed again by the process that is about to answer", () =>
      Effect.gen(function* () {
        const { one } = yield* instances(2, 120)
        const { code } = yield* one(redeemed)
        yield* one(age)
        assert.isUndefined(yield* one(tokens("one", code)))
        assert.deepStrictEqual(yield* one(session), [{ status: "revoked", head_generation: 0 }])
        assert.lengthOf(yield* one(age), 0)
      }).pipe(Effect.scoped)
    )

    const over: Record<string, (answer: TokenResponse) => Effect.Effect<unknown, never, Services>> = {
      "its tokens were used": (answer: TokenResponse) =>
        Effect.gen(function* () {
          yield* (yield* Bearer.makeAuthenticate())(`Bearer ${answer.access_token}`).pipe(Effect.orDie)
        }),
      "it was refreshed": (answer: TokenResponse) => refreshed(answer.refresh_token ?? ""),
      "the grace is over": () => query((sql) => sql`update mcp.oauth_redemptions set expires_at = clock_timestamp()`),
      "its client comes otherwise": () =>
        query((sql) => sql`update mcp.mcp_sessions set auth_method = 'private_key_jwt'`)
    }
    for (const [what, happens] of Object.entries(over)) {
      it.live(`T7 TK10 ends what it began once ${what}`, () =>
        Effect.gen(function* () {
          const { one, other } = yield* instances(2, 120)
          const { code, answer } = yield* one(redeemed)
          yield* one(age)
          yield* other(happens(answer))
          assert.isUndefined(yield* other(tokens("one", code)))
          const [{ status }] = (yield* one(session)) as [{ status: string }]
          assert.strictEqual(status, "revoked")
        }).pipe(Effect.scoped)
      )
    }
  })

  describe("a caller who hangs up while it waits for the lock", () => {
    /** Given time for an interruption to reach the database; that it does not is nothing that one could wait for. */
    const hangUp = <A>(fiber: Fiber.Fiber<A>) =>
      Effect.andThen(
        Effect.sync(() => fiber.interruptUnsafe()),
        Effect.sleep("300 millis")
      )
    const outcomes = {
      "T6 does not undo its rotation": { spent: false, contender: refreshed, status: "active", head_generation: 1 },
      "T6 does not undo a compromise": { spent: true, contender: refreshed, status: "compromised", head_generation: 1 },
      "T6 does not undo a revocation": { spent: false, contender: revoked, status: "revoked", head_generation: 0 }
    } as const
    for (const [name, { spent, contender, ...expected }] of Object.entries(outcomes)) {
      it.live(name, () =>
        Effect.gen(function* () {
          const both = yield* instances(3, 0)
          const { refreshToken } = yield* both.one(login)
          if (spent) yield* both.one(refreshed(refreshToken))
          const work: Effect.Effect<unknown, never, Services> = contender(refreshToken)
          yield* contend(both, lockSession, work, hangUp)
          assert.deepStrictEqual(yield* both.one(session), [expected])
        }).pipe(Effect.scoped)
      )
    }

    it.live("T6 does not undo what a code's second redemption ends", () =>
      Effect.gen(function* () {
        const both = yield* instances(3, 0)
        const { code } = yield* both.one(login)
        yield* contend(both, lockSession, tokens("one", code), hangUp)
        assert.deepStrictEqual(yield* both.one(session), [{ status: "revoked", head_generation: 0 }])
      }).pipe(Effect.scoped)
    )
  })
})
