import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp } from "../../support/app.ts"
import { messageOf, rpc } from "../../support/client.ts"
import { behind, both } from "../../support/gatehouseBehind.ts"
import { known, mountedApp, tokenOf, until } from "../../support/mountedApp.ts"
import { postPage, visitPage } from "../../support/people.ts"

describe("a person signs in at a server behind this one", () => {
  it.live(
    "and its tools are called as that person, and as nobody else",
    () =>
      Effect.gen(function* () {
        const { baseUrl, there } = yield* behind
        yield* Effect.gen(function* () {
          const ada = yield* both("Ada", there)
          const bob = yield* both("Bob", there)

          // Nobody has signed in: there is a page that says so, the way to it, and an address for it.
          assert.include((yield* visitPage("/account", ada.cookie)).text, 'href="/account/servers">Drive</a>')
          assert.include((yield* visitPage("/account/servers", ada.cookie)).text, "Sign in there")
          assert.strictEqual(
            (yield* visitPage("/connect/drive", ada.cookie)).headers.get("location"),
            "/account/servers#server-drive"
          )

          const { location, back } = yield* ada.signInThere
          assert.strictEqual(location.origin, baseUrl)
          assert.strictEqual(location.searchParams.get("code_challenge_method"), "S256")
          assert.strictEqual(location.searchParams.get("resource"), `${baseUrl}/mcp`)

          // In another browser, or by another person, what came back is worth nothing, and is used up by neither.
          const stolen = yield* visitPage(back.pathname + back.search, bob.cookie)
          assert.include(stolen.text, "began in another browser")
          const arrived = yield* visitPage(back.pathname + back.search, ada.cookie)
          assert.strictEqual(arrived.status, 303, arrived.text)
          const again = yield* visitPage(back.pathname + back.search, ada.cookie)
          assert.include(again.text, "was finished already")
          assert.include((yield* visitPage("/account/servers", ada.cookie)).text, "signed in")

          // It was asked what it offers as Ada, who is the first.
          yield* known("drive")
          const scopes = ["mcp.tools.call", "mcp.drive"]
          const who = (token: string) =>
            Effect.map(
              rpc(token, "tools/call", { name: "drive__who_calls", arguments: {} }),
              (answer) => messageOf(answer).result
            )
          const adas = yield* tokenOf(ada.here.id, scopes)
          assert.strictEqual((yield* who(adas)).structuredContent.subject, ada.other.id)
          const bobs = yield* tokenOf(bob.here.id, scopes)
          const needed = yield* who(bobs)
          assert.isTrue(needed.isError)
          assert.match(needed.content[0].text, /Open http:\/\/localhost:\d+\/connect\/drive in a browser/)

          const { back: bobsBack } = yield* bob.signInThere
          assert.strictEqual((yield* visitPage(bobsBack.pathname + bobsBack.search, bob.cookie)).status, 303)
          const answers = yield* Effect.all(
            Array.from({ length: 20 }, (_, index) => who(index % 2 === 0 ? adas : bobs)),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            answers.map(({ structuredContent }) => structuredContent.subject),
            Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? ada : bob).other.id)
          )

          // What is kept is sealed.
          const { sql } = yield* TestApp
          const rows = yield* sql`select person_id::text, encode(sealed, 'escape') as sealed from mcp.server_links`
          assert.lengthOf(rows, 2)
          assert.notMatch(JSON.stringify(rows), /mcp_[ar]t_/)

          const { cookie, csrf_token } = ada
          const gone = yield* postPage("/account/servers/disconnect", { cookie, csrf_token }, { server: "drive" })
          assert.strictEqual(gone.status, 303)
          assert.isTrue((yield* who(adas)).isError)
          assert.strictEqual((yield* who(bobs)).structuredContent.subject, bob.other.id)
          yield* until(
            there(
              Effect.map(
                Effect.flatMap(TestApp, ({ sql }) => sql`select 1 from mcp.mcp_sessions where status = 'revoked'`),
                (all) => all.length > 0
              )
            )
          )
        }).pipe(Effect.provide(mountedApp(() => ({ drive: { url: `${baseUrl}/mcp`, auth: "oauth", title: "Drive" } }))))
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )

  it.live(
    "tokens are renewed once, whoever asks at the same time; where they were taken back there is a sign-in to be done",
    () =>
      Effect.gen(function* () {
        const { baseUrl, there } = yield* behind
        yield* Effect.gen(function* () {
          const ada = yield* both("Ada", there)
          const { back } = yield* ada.signInThere
          assert.strictEqual((yield* visitPage(back.pathname + back.search, ada.cookie)).status, 303)
          yield* known("drive")
          const token = yield* tokenOf(ada.here.id, ["mcp.tools.call", "mcp.drive"])
          const who = Effect.map(
            rpc(token, "tools/call", { name: "drive__who_calls", arguments: {} }),
            (answer) => messageOf(answer).result
          )
          const { sql } = yield* TestApp
          const sqlThere = (yield* there(TestApp)).sql
          const generation = Effect.map(sqlThere`select head_generation as generation from mcp.mcp_sessions`, ([row]) =>
            Number(row?.generation)
          )
          // A refresh that is sent again is answered again there, with another access token.
          const issued = Effect.map(sqlThere`select 1 from mcp.oauth_access_tokens`, (all) => all.length)
          const before = yield* generation
          const issuedBefore = yield* issued

          // The access token is about to end: all of them need another.
          yield* sql`update mcp.server_links set expires_at = now() + interval '10 seconds'`
          const answers = yield* Effect.all(
            Array.from({ length: 12 }, () => who),
            { concurrency: "unbounded" }
          )
          for (const { structuredContent } of answers) assert.strictEqual(structuredContent.subject, ada.other.id)
          assert.strictEqual(yield* generation, before + 1)
          assert.strictEqual(yield* issued, issuedBefore + 1)

          // What looks good here was taken back there, and then the whole session.
          yield* sqlThere`update mcp.oauth_access_tokens set revoked_at = now()`
          assert.strictEqual(
            (yield* until(Effect.map(who, (result) => (result.isError ? undefined : result)))).structuredContent
              .subject,
            ada.other.id
          )
          assert.strictEqual(yield* generation, before + 2)
          yield* sqlThere`update mcp.mcp_sessions set status = 'revoked', status_changed_at = now()`
          const needed = yield* until(Effect.map(who, (result) => (result.isError ? result : undefined)))
          assert.match(needed.content[0].text, /connect\/drive in a browser/)
          assert.lengthOf(yield* sql`select 1 from mcp.server_links`, 0)
          assert.include((yield* visitPage("/account/servers", ada.cookie)).text, "Sign in there")
        }).pipe(Effect.provide(mountedApp(() => ({ drive: { url: `${baseUrl}/mcp`, auth: "oauth", title: "Drive" } }))))
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})
