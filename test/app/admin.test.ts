import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { migratedDatabaseUrl } from "../support/postgres.ts"
import { run } from "../support/program.ts"

const options = { timeout: 300_000 }

/** The command of an operator over one database, with what it printed. */
const operator = Effect.gen(function* () {
  const env = { DATABASE_URL: yield* migratedDatabaseUrl, BASE_URL: "https://gate.example", LOG_LEVEL: "none" }
  const admin = (...args: ReadonlyArray<string>) => run("app/programs/admin.ts", env, args)
  const done = (...args: ReadonlyArray<string>) =>
    Effect.flatMap(admin(...args, "--json"), ({ code, output }) =>
      code === 0 ? Effect.sync(() => JSON.parse(output)) : Effect.die(new Error(`${args.join(" ")}: ${code} ${output}`))
    )
  return { admin, done }
})

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
          ["events", "--limit", "x"]
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
