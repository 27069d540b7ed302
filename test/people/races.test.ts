/** What people do at the same moment, on two instances with one Postgres: of every two orders the database keeps one. */

import { randomBytes } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { type Context, Deferred, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { BrowserSessions } from "../../src/people/BrowserSessions.ts"
import { LastOwner, LinkSpent, People } from "../../src/people/People.ts"
import { Passkeys } from "../../src/people/passkeys/Passkeys.ts"
import { RecoveryStore } from "../../src/people/RecoveryStore.ts"
import { newCode, publicClient, tokens } from "../support/grants.ts"
import { browserOf, somebody } from "../support/people.ts"
import { clientOf, migratedDatabaseUrl } from "../support/postgres.ts"

type Services = Layer.Success<typeof Stores> | ServerConfig | SqlClient.SqlClient
type Instance = <A, E>(effect: Effect.Effect<A, E, Services>) => Effect.Effect<A, E>

/** Ends as well where it comes too late, or would leave nobody. */
const tried = <E>(effect: Effect.Effect<unknown, E | LinkSpent | LastOwner>) =>
  effect.pipe(
    Effect.asVoid,
    Effect.catchIf(
      (error) => error instanceof LinkSpent || error instanceof LastOwner,
      () => Effect.void
    )
  )

const NOBODY = { id: undefined, address: undefined }
const PHC = Redacted.make("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dGFn")

/** Two instances, each with a pool of its own, on one new database with Ada, who owns it. */
const twoInstances = Effect.gen(function* () {
  const url = yield* migratedDatabaseUrl
  const stores = Layer.fresh(
    Stores.pipe(
      Layer.provideMerge(PgClient.layerFrom(clientOf(url))),
      Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none", BASE_URL: "http://localhost:3000" })),
      Layer.orDie
    )
  )
  const instance = Effect.map(
    Layer.build(stores),
    (services: Context.Context<Services>): Instance => Effect.provideContext(services)
  )
  const [one, other] = [yield* instance, yield* instance]
  yield* one(Effect.flatMap(ClientRegistry, (registry) => registry.save(publicClient("one"))))
  return { one, other, ada: yield* one(somebody("Ada")) }
})

const people = Effect.fnUntraced(function* <A, E>(use: (people: People["Service"]) => Effect.Effect<A, E>) {
  return yield* use(yield* People)
})

/** How many statements of this database wait for a lock. */
const waiting = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const found = yield* sql`
    select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return found.length
}).pipe(Effect.orDie)
/** Until so many wait, or one of those that should has ended instead. */
const queued = (count: number, ...fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  Effect.repeat(waiting, {
    until: (waits) => waits >= count || fibers.some((fiber) => fiber.pollUnsafe() !== undefined)
  })

/** What a person has left: browsers, apps, codes for apps, links. */
const leftTo = Effect.fnUntraced(function* (id: string) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`
    select (select count(*)::int from mcp.browser_sessions where person_id = ${id}) as browsers,
           (select count(*)::int from mcp.mcp_sessions where subject = ${id} and status = 'active') as apps,
           (select count(*)::int from mcp.oauth_authorization_codes where subject = ${id}) as codes,
           (select count(*)::int from mcp.links where person_id = ${id}) as links`.pipe(Effect.orDie)
  return row
})
const NOTHING = { browsers: 0, apps: 0, codes: 0, links: 0 }

const options = { timeout: 60_000 }

describe("people at the same moment", () => {
  for (const [what, act] of [
    ["demote", (who: string) => people((people) => people.setRole(who, "member", NOBODY))],
    ["disable", (who: string) => people((people) => people.disable(who, NOBODY))]
  ] as const) {
    it.live(
      `ASVS 8.2.1 two owners who ${what} each other leave one of them`,
      () =>
        Effect.gen(function* () {
          const { one, other, ada } = yield* twoInstances
          const eve = yield* one(somebody("Eve"))
          for (let round = 0; round < 20; round++) {
            const exits = yield* Effect.all([Effect.exit(one(act(eve.id))), Effect.exit(other(act(ada.id)))], {
              concurrency: 2
            })
            assert.lengthOf(exits.filter(Exit.isSuccess), 1)
            const refused = exits.find(Exit.isFailure)
            assert.include(String(refused?.cause), "LastOwner")
            const left = (yield* one(people(({ list }) => list))).filter(
              ({ role, isDisabled }) => role === "owner" && !isDisabled
            )
            assert.lengthOf(left, 1)
            for (const { id } of [ada, eve]) {
              yield* one(people(({ enable }) => enable(id, NOBODY)))
              yield* one(people(({ setRole }) => setRole(id, "owner", NOBODY)))
            }
          }
        }).pipe(Effect.scoped),
      options
    )
  }

  it.live(
    "ASVS 6.4.4 of the only two passkeys, both removed at once, one stays",
    () =>
      Effect.gen(function* () {
        const { one, other, ada } = yield* twoInstances
        const add = (id: string) =>
          Effect.flatMap(Passkeys, (passkeys) =>
            passkeys.add(
              ada.id,
              {
                id,
                rpId: "localhost",
                publicKey: randomBytes(77),
                counter: 0,
                transports: [],
                isSynced: false,
                name: id
              },
              NOBODY
            )
          )
        const remove = (id: string) => Effect.flatMap(Passkeys, (passkeys) => passkeys.remove(ada.id, id, NOBODY))
        yield* one(add("kept"))
        for (let round = 0; round < 20; round++) {
          const [left] = yield* one(Effect.flatMap(Passkeys, ({ list }) => list(ada.id)))
          yield* one(add(`key${round}`))
          const removed = yield* Effect.all([one(remove(left?.id ?? "")), other(remove(`key${round}`))], {
            concurrency: 2
          })
          assert.sameMembers(removed, [true, false])
          assert.lengthOf(yield* one(Effect.flatMap(Passkeys, ({ list }) => list(ada.id))), 1)
        }
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "ASVS 6.4.1 of fifty who follow one invitation at once one comes in, with the one way in that they chose",
    () =>
      Effect.gen(function* () {
        const { one, other } = yield* twoInstances
        const code = yield* one(people(({ invite }) => invite("bob@people.example", "member", NOBODY)))
        const follow = (on: Instance, index: number) =>
          on(
            people(({ enrol, setPassword }) =>
              enrol(
                "invitation",
                code,
                { name: `Bob ${index}`, email: "", webauthnId: randomBytes(32) },
                ({ id }) => setPassword(id, PHC, NOBODY),
                "192.0.2.1"
              )
            )
          ).pipe(Effect.catchTag("LinkSpent", () => Effect.undefined))
        const all = yield* Effect.all(
          Array.from({ length: 50 }, (_, index) => follow(index % 2 === 0 ? one : other, index)),
          { concurrency: "unbounded" }
        )
        const [bob, ...more] = all.filter((person) => person !== undefined)
        assert.isEmpty(more)
        const listed = yield* one(people(({ list }) => list))
        assert.deepStrictEqual(
          listed.map(({ name, role, hasPassword }) => [name, role, hasPassword]),
          [
            ["Ada", "owner", false],
            [bob?.name, "member", true]
          ]
        )
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "a person who is disabled while they follow a reset link: one after the other, and nothing is left to them",
    () =>
      Effect.gen(function* () {
        const { one, other } = yield* twoInstances
        const bob = yield* one(somebody("Bob", "member"))
        const link = yield* one(people(({ resetLink }) => resetLink(bob.id, NOBODY, "owner")))
        const begun = yield* Deferred.make<void>()
        const disabling = yield* Effect.forkChild(
          Effect.andThen(Deferred.await(begun), other(people(({ disable }) => disable(bob.id, NOBODY))))
        )
        const following = one(
          people(({ renew, setPassword }) =>
            renew(
              link ?? Redacted.make(""),
              ({ id }) =>
                Deferred.succeed(begun, undefined).pipe(
                  Effect.andThen(other(queued(1, disabling))),
                  Effect.andThen(setPassword(id, PHC, NOBODY))
                ),
              "192.0.2.1"
            )
          )
        )
        assert.strictEqual((yield* following).id, bob.id)
        yield* Fiber.join(disabling)
        assert.isTrue((yield* one(people(({ find }) => find(bob.id))))?.isDisabled)
        assert.deepStrictEqual(yield* one(leftTo(bob.id)), NOTHING)
      }).pipe(Effect.scoped),
    options
  )

  for (const [what, act] of [
    ["makes them another reset link", ({ resetLink }: People["Service"], id: string) => resetLink(id, NOBODY, "owner")],
    [
      "follows the one that they have",
      ({ renew, setPassword }: People["Service"], _: string, link: Redacted.Redacted) =>
        renew(link, ({ id }) => setPassword(id, PHC, NOBODY), "192.0.2.1")
    ]
  ] as const) {
    it.live(
      `a person who is disabled while somebody ${what} has nothing left`,
      () =>
        Effect.gen(function* () {
          const { one, other } = yield* twoInstances
          const bob = yield* one(somebody("Bob", "member"))
          const link = yield* one(people(({ resetLink }) => resetLink(bob.id, NOBODY, "owner")))
          const acting = people((people) => tried(act(people, bob.id, link ?? Redacted.make(""))))
          // Both come while somebody else looks at the link of before.
          const [first, disabling] = yield* one(
            Effect.gen(function* () {
              const sql = yield* SqlClient.SqlClient
              return yield* Effect.gen(function* () {
                yield* sql`select from mcp.links for update`
                const first = yield* Effect.forkDetach(other(acting))
                yield* other(queued(1, first))
                const disabling = yield* Effect.forkDetach(other(people(({ disable }) => disable(bob.id, NOBODY))))
                yield* other(queued(2, first, disabling))
                return [first, disabling] as const
              }).pipe(sql.withTransaction, Effect.orDie)
            })
          )
          yield* Fiber.join(first)
          yield* Fiber.join(disabling)
          assert.deepStrictEqual(yield* one(leftTo(bob.id)), NOTHING)
        }).pipe(Effect.scoped),
      options
    )
  }

  it.live(
    "ASVS 6.4.1 of many reset links that are made at once for a person one is good",
    () =>
      Effect.gen(function* () {
        const { one, other } = yield* twoInstances
        const bob = yield* one(somebody("Bob", "member"))
        const reset = people(({ resetLink }) => resetLink(bob.id, NOBODY, "owner"))
        for (let round = 0; round < 5; round++) {
          const links = yield* Effect.all([one(reset), other(reset), one(reset), other(reset)], {
            concurrency: "unbounded"
          })
          const good = yield* Effect.filter(links, (link) =>
            Effect.isSuccess(one(people(({ look }) => look("reset", link ?? Redacted.make("")))))
          )
          assert.lengthOf(good, 1)
        }
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "ASVS 6.5.1 of recovery codes that are made in two tabs at once one set of ten is good",
    () =>
      Effect.gen(function* () {
        const { one, other, ada } = yield* twoInstances
        const make = Effect.flatMap(RecoveryStore, ({ renew }) => renew(ada.id, NOBODY))
        for (let round = 0; round < 10; round++) {
          yield* Effect.all([one(make), other(make)], { concurrency: 2 })
          assert.strictEqual(yield* one(Effect.flatMap(RecoveryStore, ({ left }) => left(ada.id))), 10)
        }
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "TK17 whatever happens to a person at once, nothing fails, and one who is disabled has nothing left",
    () =>
      Effect.gen(function* () {
        const { one, other, ada } = yield* twoInstances
        const eve = yield* one(somebody("Eve"))
        for (let round = 0; round < 15; round++) {
          for (const { id } of [ada, eve]) {
            yield* one(browserOf(id))
            yield* one(browserOf(id))
            yield* one(Effect.flatMap(newCode("one", id), (code) => tokens("one", code)))
            yield* one(newCode("one", id))
          }
          const links = yield* Effect.forEach([ada, eve], ({ id }) =>
            one(people(({ resetLink }) => resetLink(id, NOBODY, "owner")))
          )
          const acts = [ada, eve].flatMap(({ id }, index) => [
            people(({ disable }) => tried(disable(id, NOBODY))),
            people(({ setRole }) => tried(setRole(id, "member", NOBODY))),
            people(({ renew, setPassword }) =>
              tried(renew(links[index] ?? Redacted.make(""), () => setPassword(id, PHC, NOBODY), "192.0.2.1"))
            ),
            people(({ resetLink }) =>
              Effect.asVoid(resetLink(id, { ...NOBODY, id: id === ada.id ? eve.id : ada.id }, "owner"))
            ),
            people(({ signOutEverywhere }) => signOutEverywhere(id, NOBODY)),
            people(({ setPassword }) => setPassword(id, PHC, NOBODY)),
            Effect.asVoid(Effect.flatMap(RecoveryStore, ({ renew }) => renew(id, NOBODY))),
            Effect.asVoid(
              Effect.flatMap(BrowserSessions, ({ begin }) =>
                begin(id, "password", { userAgent: "", address: "192.0.2.1" })
              )
            )
          ])
          yield* Effect.all(
            acts.map((act, index) => (index % 2 === 0 ? one : other)(act)),
            { concurrency: "unbounded" }
          )
          const all = yield* one(people(({ list }) => list))
          assert.isTrue(all.some(({ role, isDisabled }) => role === "owner" && !isDisabled))
          for (const { id, isDisabled } of all) {
            if (isDisabled) assert.deepStrictEqual(yield* one(leftTo(id)), NOTHING)
            yield* one(people(({ enable }) => enable(id, NOBODY)))
            yield* one(people(({ setRole }) => setRole(id, "owner", NOBODY)))
          }
        }
      }).pipe(Effect.scoped),
    options
  )
})
