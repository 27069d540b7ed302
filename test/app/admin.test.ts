import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { ConsentStore } from "../../src/people/ConsentStore.ts"
import { newCode, publicClient, tokens } from "../support/grants.ts"
import { browserOf, somebody } from "../support/people.ts"
import { clientOf, migratedDatabaseUrl } from "../support/postgres.ts"
import { run } from "../support/program.ts"

const options = { timeout: 300_000 }

/** The command of an operator over one database, with what it printed. */
const operator = Effect.gen(function* () {
  const url = yield* migratedDatabaseUrl
  const env = { DATABASE_URL: url, BASE_URL: "https://gate.example", LOG_LEVEL: "none" }
  const admin = (...args: ReadonlyArray<string>) => run("app/programs/admin.ts", env, args)
  const done = (...args: ReadonlyArray<string>) =>
    Effect.flatMap(admin(...args, "--json"), ({ code, output }) =>
      code === 0 ? Effect.sync(() => JSON.parse(output)) : Effect.die(new Error(`${args.join(" ")}: ${code} ${output}`))
    )
  /** A command that is refused: its exit code, and in which words. */
  const refused = Effect.fnUntraced(function* (expected: 1 | 2, words: string, ...args: ReadonlyArray<string>) {
    const { code, output } = yield* admin(...args)
    assert.strictEqual(code, expected, `${args.join(" ")}: ${output}`)
    assert.include(output, words)
    assert.notMatch(output, /\n\s+at /)
  })
  return { admin, done, refused, url }
})

/** Ada and Olga, who own the server, and Bob with two browsers and an app that he need not be asked about again. */
const inhabited = (url: string) =>
  Effect.gen(function* () {
    yield* somebody("Ada")
    yield* somebody("Olga")
    const bob = yield* somebody("Bob", "member")
    for (const _ of [1, 2]) yield* browserOf(bob.id)
    yield* (yield* ClientRegistry).save(publicClient("desk"))
    const { remember } = yield* ConsentStore
    const asking = { personId: bob.id, clientId: "desk", redirectHost: "app.example", asked: ["mcp.tools.call"] }
    yield* remember(asking, asking.asked)
    const connect = Effect.flatMap(newCode("desk", bob.id), (code) => tokens("desk", code))
    for (const _ of [1, 2, 3]) yield* connect
    return { connect }
  }).pipe(
    Effect.provide(
      Stores.pipe(
        Layer.provideMerge(PgClient.layerFrom(clientOf(url))),
        Layer.provideMerge(ServerConfig.layerOf({ BASE_URL: "https://gate.example", LOG_LEVEL: "none" }))
      )
    ),
    Effect.orDie
  )

/** Rows of the database, by whatever a test asks. */
const rowsOf = Effect.fnUntraced(
  function* (url: string, statement: string) {
    return yield* (yield* clientOf(url, 1)).unsafe(statement)
  },
  Effect.scoped,
  Effect.provide(Reactivity.layer),
  Effect.orDie
)

describe("admin", () => {
  it.live(
    "people are invited, listed and let go, and a command that cannot be done is a sentence and exit code 1",
    () =>
      Effect.gen(function* () {
        const { admin, done } = yield* operator
        assert.match((yield* done("owner", "link")).link, /^https:\/\/gate\.example\/setup#[\w-]{43}$/)
        assert.deepStrictEqual(yield* done("people", "list"), [])
        const invited = yield* done("people", "invite", "Bob@people.example", "--role", "owner")
        assert.deepInclude(invited, { email: "Bob@people.example", role: "owner" })
        assert.match(invited.link, /^https:\/\/gate\.example\/invitation#[\w-]{43}$/)
        assert.strictEqual((yield* done("people", "withdraw", "bob@people.example")).email, "bob@people.example")
        for (const [args, sentence] of [
          [["people", "withdraw", "bob@people.example"], "is not invited"],
          [["people", "invite", "nonsense"], "is not an e-mail address"],
          [["people", "disable", "eve@people.example"], "nobody has the address eve@people.example"],
          [["apps", "end"], "say which"],
          [["events", "--since", "0", "--event", "signed_in"], "leave out --person"],
          [["events", "--follow"], "say since when"],
          [["clients", "secret", "nobody"], "there is no client nobody"]
        ] as const) {
          const refused = yield* admin(...args)
          assert.strictEqual(refused.code, 1, args.join(" "))
          assert.include(refused.output, sentence)
          assert.notMatch(refused.output, /\n\s+at /)
        }
        // What is no command at all is another number.
        for (const args of [
          ["people", "rename"],
          ["people", "role", "x@x.example", "king"],
          ["events", "--limit", "x"],
          ["events", "--since", "yesterday"]
        ]) {
          assert.strictEqual((yield* admin(...args)).code, 2, args.join(" "))
        }
        const events = yield* done("events")
        assert.deepStrictEqual(
          events.map(({ event }: { readonly event: string }) => event),
          ["invitation_withdrawn", "person_invited", "setup_link_made"]
        )
        assert.sameMembers(Object.keys(events[0]), ["at", "event", "person", "by", "client_id", "from", "detail", "id"])
        assert.lengthOf(yield* done("events", "--event", "person_invited"), 1)
        assert.lengthOf(yield* done("events", "--before", events[0].id), 2)
        // What happened a moment ago may not be settled yet; of what is told each is a line.
        const lines = yield* Effect.repeat(admin("events", "--since", "2026-01-01"), {
          until: ({ output }) => output.trim().split("\n").length === 3
        })
        assert.deepStrictEqual(
          lines.output
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line).event),
          ["setup_link_made", "person_invited", "invitation_withdrawn"]
        )
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "ASVS 7.4.2 7.4.5 people are given roles, disabled, enabled and reset; the last owner stays one",
    () =>
      Effect.gen(function* () {
        const { done, refused, url } = yield* operator
        yield* inhabited(url)
        const stateOf = Effect.fnUntraced(function* (email: string) {
          const people: ReadonlyArray<Record<string, unknown>> = yield* done("people", "list")
          const { role, state } = people.find((person) => person.email === email) ?? {}
          return [role, state]
        })
        assert.deepStrictEqual(yield* done("people", "role", "OLGA@people.example", "member"), {
          email: "olga@people.example",
          role: "member"
        })
        for (const args of [
          ["people", "role", "ada@people.example", "member"],
          ["people", "disable", "ada@people.example"]
        ]) {
          yield* refused(1, "nobody would own this server any more", ...args)
        }
        assert.deepStrictEqual(yield* stateOf("ada@people.example"), ["owner", "active"])
        // An owner who is disabled owns nothing.
        yield* done("people", "role", "olga@people.example", "owner")
        yield* done("people", "disable", "olga@people.example")
        yield* refused(1, "nobody would own this server any more", "people", "disable", "ada@people.example")
        yield* refused(1, "olga@people.example is disabled", "people", "reset", "olga@people.example")

        const { link } = yield* done("people", "reset", "bob@people.example")
        assert.match(link, /^https:\/\/gate\.example\/reset#[\w-]{43}$/)
        const left = `
          select (select count(*)::int from mcp.browser_sessions) as browsers, (select count(*)::int from mcp.links) as links,
                 (select count(*)::int from mcp.mcp_sessions where status = 'active') as apps`
        assert.deepStrictEqual(yield* rowsOf(url, left), [{ browsers: 2, links: 1, apps: 3 }])
        yield* done("people", "disable", "bob@people.example")
        assert.deepStrictEqual(yield* stateOf("bob@people.example"), ["member", "disabled"])
        assert.deepStrictEqual(yield* rowsOf(url, left), [{ browsers: 0, links: 0, apps: 0 }])
        yield* done("people", "enable", "bob@people.example")
        assert.deepStrictEqual(yield* stateOf("bob@people.example"), ["member", "active"])

        const events: ReadonlyArray<Record<string, unknown>> = yield* done("events", "--person", "bob@people.example")
        assert.includeMembers(
          events.map(({ event }) => event),
          [
            "person_enabled",
            "person_disabled",
            "session_revoked",
            "reset_link_made",
            "signed_in",
            "invitation_followed"
          ]
        )
        for (const { person } of events) assert.strictEqual(person, "bob@people.example")
        assert.deepStrictEqual(
          (yield* done("events", "--event", "role_changed")).map(({ person, by, detail }: Record<string, unknown>) => [
            person,
            by,
            detail
          ]),
          [
            ["olga@people.example", null, { role: "owner" }],
            ["olga@people.example", null, { role: "member" }]
          ]
        )
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "all that is known of a person is exported, and deleted where somebody says so twice; the last owner is not",
    () =>
      Effect.gen(function* () {
        const { admin, done, refused, url } = yield* operator
        yield* inhabited(url)
        const [, , bob] = yield* done("people", "list")
        const exported = yield* admin("people", "export", "bob@people.example")
        const data = JSON.parse(exported.output)
        assert.deepInclude(data.account, { id: bob.id, email: "bob@people.example" })
        assert.lengthOf(data.connections, 3)
        yield* refused(1, "say --yes", "people", "delete", bob.id)
        assert.strictEqual((yield* done("people", "delete", bob.id, "--yes")).state, "deleted")
        yield* refused(1, "nobody has the address", "people", "export", "bob@people.example")
        assert.deepStrictEqual(yield* done("apps", "list"), [])
        yield* done("people", "delete", "olga@people.example", "--yes")
        yield* refused(1, "nobody would own this server", "people", "delete", "ada@people.example", "--yes")
        const told = (yield* done("events")).map(({ event }: { readonly event: string }) => event)
        assert.strictEqual(told.filter((event: string) => event === "person_deleted").length, 2)
        assert.notInclude(JSON.stringify(yield* done("events")), "bob@")
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "ASVS 10.4.9 apps are listed page by page and cut off, and their person is asked the next time",
    () =>
      Effect.gen(function* () {
        const { admin, done, refused, url } = yield* operator
        yield* inhabited(url)
        const list = (...args: ReadonlyArray<string>) =>
          Effect.map(done("apps", "list", ...args), (rows: ReadonlyArray<Record<string, string>>) => rows)
        const all = yield* list()
        assert.lengthOf(all, 3)
        for (const row of all) assert.deepInclude(row, { app: "desk", person: "bob@people.example", state: "active" })
        const ids = all.map(({ id }) => id ?? "")
        const [newest = "", , oldest = ""] = ids
        assert.deepStrictEqual(
          (yield* list("--limit", "2")).map(({ id }) => id),
          ids.slice(0, 2)
        )
        assert.deepStrictEqual(
          (yield* list("--before", newest)).map(({ id }) => id),
          ids.slice(1)
        )
        assert.isEmpty(yield* list("--before", oldest))
        const nothing = "00000000-0000-4000-8000-000000000000"
        yield* refused(1, `there is no connection ${nothing}`, "apps", "list", "--before", nothing)
        assert.isEmpty(yield* list("--person", "ada@people.example"))
        const table = yield* admin("apps", "list")
        assert.match(table.output, /^app +person +state .*\n(desk +bob@people\.example +active .*\n){3}$/)
        assert.notInclude(table.output, "mcp_")

        const consents = "select count(*)::int as consents from mcp.consents"
        assert.deepStrictEqual(yield* done("apps", "end", newest), { ended: [newest] })
        assert.deepStrictEqual(yield* rowsOf(url, consents), [{ consents: 0 }])
        yield* refused(1, "there is no such connection that lives", "apps", "end", newest)
        const both = yield* done("apps", "end", "--person", "bob@people.example", "--client", "desk")
        assert.sameMembers(both.ended, [ids[1], oldest])
        for (const { state } of yield* list()) assert.strictEqual(state, "revoked")
        yield* refused(1, "say which", "apps", "end", "--person", "bob@people.example")
        yield* refused(1, "nobody has the address", "apps", "end", "--person", "eve@people.example", "--client", "desk")
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "a number or an id that is none is refused in words, with exit code 2, by every command that takes one",
    () =>
      Effect.gen(function* () {
        const { refused } = yield* operator
        for (const command of [["clients", "list"], ["apps", "list"], ["events"]]) {
          yield* refused(2, "a number from 1 to 10000", ...command, "--limit", "-1")
        }
        for (const number of ["0", "10001"]) yield* refused(2, "a number from 1 to 10000", "events", "--limit", number)
        yield* refused(2, "1.5", "events", "--limit", "1.5")
        yield* refused(2, "4711 is no id", "apps", "list", "--before", "4711")
        yield* refused(2, "x is no id", "events", "--before", "x")
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "clients are added, given another secret, and shut out; keys are rotated",
    () =>
      Effect.gen(function* () {
        const { done, admin } = yield* operator
        const added = yield* done(
          "clients",
          "add",
          "--id",
          "desk",
          "--redirect",
          "http://127.0.0.1/cb",
          "--confidential",
          "--post-logout-redirect",
          "https://app.example/bye"
        )
        assert.deepStrictEqual(added.post_logout_redirect_uris, ["https://app.example/bye"])
        const foreign = ["--redirect", "http://127.0.0.1/cb", "--post-logout-redirect", "javascript:alert(1)"]
        const refused = yield* admin("clients", "add", "--id", "other", ...foreign)
        assert.strictEqual(refused.code, 1)
        assert.include(refused.output, "--post-logout-redirect javascript:alert(1) is neither https")
        const renewed = yield* done("clients", "secret", "desk")
        assert.match(renewed.client_secret, /^mcp_cs_[\w-]{43}$/)
        assert.notStrictEqual(renewed.client_secret, added.client_secret)
        yield* done("clients", "disable", "desk")
        const [desk] = yield* done("clients", "list")
        assert.deepInclude(desk, { client_id: "desk", state: "disabled", origin: "configured" })
        assert.notInclude(JSON.stringify(desk), "mcp_cs_")
        yield* done("clients", "enable", "desk")
        assert.isNumber((yield* done("keys", "rotate")).key)
        const listed = yield* admin("clients", "list")
        assert.match(listed.output, /client_id +name +origin/)
        assert.deepStrictEqual(yield* done("apps", "list"), [])
        const what = (yield* done("events", "--event", "client_changed")).map(
          ({ detail }: { readonly detail: { readonly what: string } }) => detail.what
        )
        assert.deepStrictEqual(what, ["enabled", "disabled", "new secret", "added"])
      }).pipe(Effect.scoped),
    options
  )
})
