/**
 * Who may do what (ASVS 8.2, 8.3): every route of the pages for every kind of visitor, in both directions. What is refused writes
 * nothing. The routes are those that the server registers, so that a new one without a row here fails.
 */

import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { type Answer, request } from "../support/client.ts"
import { browserOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"
import { watchRoutes } from "../support/routes.ts"

/** Whom a page or a form is for; `script` answers in JSON. */
type Guard = "anybody" | "signed in" | "fresh" | "owner" | "fresh owner"
interface Row {
  readonly GET?: Guard
  readonly POST?: Guard
  readonly script?: true
}

const PAGES: Readonly<Record<string, Row>> = {
  "/login": { GET: "anybody", POST: "anybody" },
  "/login/:name": { GET: "anybody" },
  "/login/:name/callback": { GET: "anybody" },
  "/login/passkey/options": { POST: "anybody", script: true },
  "/login/passkey": { POST: "anybody", script: true },
  "/logout": { GET: "anybody", POST: "signed in" },
  "/recover": { GET: "anybody", POST: "anybody" },
  ...Object.fromEntries(
    ["/setup", "/invitation", "/reset"].flatMap(
      (path): ReadonlyArray<readonly [string, Row]> => [
        [path, { GET: "anybody", POST: "anybody" }],
        [`${path}/password`, { POST: "anybody" }],
        [`${path}/provider`, { POST: "anybody" }],
        [`${path}/passkey/options`, { POST: "anybody", script: true }],
        [`${path}/passkey`, { POST: "anybody", script: true }]
      ]
    )
  ),
  "/signup": { GET: "anybody", POST: "anybody" },
  "/signup/password": { POST: "anybody" },
  "/signup/passkey/options": { POST: "anybody", script: true },
  "/signup/passkey": { POST: "anybody", script: true },
  "/check": { GET: "signed in" },
  "/account": { GET: "signed in" },
  "/account/name": { POST: "signed in" },
  "/account/browsers": { POST: "signed in" },
  "/account/everywhere": { POST: "signed in" },
  "/account/data": { GET: "fresh" },
  "/account/data/export": { POST: "fresh" },
  "/account/data/delete": { POST: "fresh" },
  "/account/codes": { GET: "fresh", POST: "fresh" },
  "/account/password": { GET: "fresh", POST: "fresh" },
  "/account/passkeys/options": { POST: "fresh", script: true },
  "/account/passkeys": { POST: "fresh", script: true },
  "/account/passkeys/rename": { POST: "fresh" },
  "/account/passkeys/remove": { POST: "fresh" },
  "/account/identities/:name/link": { POST: "fresh" },
  "/account/identities/unlink": { POST: "fresh" },
  "/account/apps": { GET: "signed in" },
  "/account/apps/disconnect": { POST: "signed in" },
  "/account/servers": { GET: "signed in" },
  "/account/servers/connect": { POST: "signed in" },
  "/account/servers/disconnect": { POST: "signed in" },
  // Whoever is signed in is told that they did not begin it, or is led to the page before.
  "/account/servers/:name/callback": { GET: "anybody" },
  "/connect/:name": { GET: "anybody" },
  "/admin": { GET: "owner" },
  "/admin/apps": { GET: "owner" },
  "/admin/apps/disconnect": { POST: "fresh owner" },
  "/admin/clients": { GET: "owner" },
  "/admin/clients/add": { POST: "fresh owner" },
  "/admin/clients/secret": { POST: "fresh owner" },
  "/admin/clients/disable": { POST: "fresh owner" },
  "/admin/clients/enable": { POST: "fresh owner" },
  "/admin/servers": { GET: "owner" },
  "/admin/servers/add": { POST: "fresh owner" },
  "/admin/servers/approve": { POST: "fresh owner" },
  "/admin/servers/ask": { POST: "fresh owner" },
  "/admin/servers/decide": { POST: "fresh owner" },
  "/admin/servers/off": { POST: "fresh owner" },
  "/admin/servers/on": { POST: "fresh owner" },
  "/admin/servers/remove": { POST: "fresh owner" },
  "/admin/servers/restart": { POST: "fresh owner" },
  "/admin/usage": { GET: "owner" },
  "/admin/events": { GET: "owner" },
  "/admin/server": { GET: "owner" },
  "/admin/server/keys": { POST: "fresh owner" },
  "/admin/people/invite": { POST: "fresh owner" },
  "/admin/people/withdraw": { POST: "fresh owner" },
  "/admin/people/reset": { POST: "fresh owner" },
  "/admin/people/role": { POST: "fresh owner" },
  "/admin/people/disable": { POST: "fresh owner" },
  "/admin/people/enable": { POST: "fresh owner" },
  "/admin/people/data": { GET: "fresh owner" },
  "/admin/people/data/export": { POST: "fresh owner" },
  "/admin/people/data/delete": { POST: "fresh owner" }
}

/** What programs call, and what everybody may see, is held elsewhere. */
const ELSEWHERE =
  /^\/$|^\/(\.well-known|mcp|authorize|token|revoke|introspect|register|jwks|userinfo|assets|healthz|readyz|oauth)(\/|$)/

const ALLOWED: Readonly<Record<Guard, ReadonlyArray<string>>> = {
  anybody: ["nobody", "disabled", "stale member", "member", "stale owner", "owner"],
  "signed in": ["stale member", "member", "stale owner", "owner"],
  fresh: ["member", "owner"],
  owner: ["stale owner", "owner"],
  "fresh owner": ["owner"]
}

const registered = new Set<string>()
const server = testApp(TestDatabase.quick, { SIGN_UP: "open" }).pipe(
  Layer.provide(Layer.effectDiscard(watchRoutes(registered)))
)

/** Everything that a request may have written: sessions' last use, which is none of its doing, aside. */
const snapshot = Effect.gen(function* () {
  const { sql } = yield* TestApp
  const [row] = yield* sql`
    select (select json_agg(p order by p.id) from mcp.people p)::text as people,
           (select json_agg(l order by l.token_hash) from mcp.links l)::text as links,
           (select count(*)::int from mcp.recovery_codes) as codes, (select count(*)::int from mcp.passkeys) as passkeys,
           (select json_agg(b.token_hash order by b.id) from mcp.browser_sessions b)::text as browsers,
           (select count(*)::int from mcp.ceremonies) as ceremonies,
           (select json_agg(c order by c.client_id) from mcp.oauth_clients c)::text as clients,
           (select json_agg(s order by s.name) from mcp.servers s)::text as servers,
           (select json_agg(s order by s.name) from mcp.server_switches s)::text as switches,
           (select json_agg(d order by d.server, d.kind, d.name) from mcp.server_definitions d)::text as definitions,
           (select json_agg(l order by l.mount, l.person_id) from mcp.server_links l)::text as server_links,
           (select count(*)::int from mcp.server_sign_ins) as server_sign_ins,
           (select json_agg(c order by c.person_id, c.client_id) from mcp.consents c)::text as consents,
           (select count(*)::int from mcp.server_keys) as keys, (select count(*)::int from mcp.audit_events) as events`.pipe(
    Effect.orDie
  )
  return row
})

layer(server, { excludeTestServices: true, timeout: "60 seconds" })("who may see and do what", (it) => {
  it.effect("every route of the pages has a row", () =>
    Effect.sync(() => {
      const pages = [...registered].filter((path) => !ELSEWHERE.test(path))
      assert.sameMembers(pages, Object.keys(PAGES))
    })
  )

  it.effect(
    "ASVS 8.2.1 8.3.1 7.4.4 each visitor gets what is theirs, with a way to sign out; what is refused writes nothing",
    () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApp
        const [ada, bob, eve] = [
          yield* somebody("Ada"),
          yield* somebody("Bob", "member"),
          yield* somebody("Eve", "member")
        ]
        const visitors: Record<string, { readonly cookie: string; readonly csrf_token: string }> = {
          nobody: { cookie: "", csrf_token: "" }
        }
        for (const [kind, person, isStale] of [
          ["member", bob, false],
          ["stale member", bob, true],
          ["owner", ada, false],
          ["stale owner", ada, true],
          ["disabled", eve, false]
        ] as const) {
          const { cookie, sessionId } = yield* browserOf(person.id)
          visitors[kind] = { cookie, csrf_token: csrfOf(yield* visitPage("/account", cookie)) }
          if (!isStale) continue
          yield* sql`
          update mcp.browser_sessions set authenticated_at = authenticated_at - interval '11 minutes'
          where id = ${sessionId}`.pipe(Effect.orDie)
        }
        yield* sql`update mcp.people set disabled_at = now() where id = ${eve.id}`.pipe(Effect.orDie)
        // Something waits, which a word of somebody else's could decide.
        yield* sql`
          insert into mcp.server_definitions (server, kind, name, seen)
          values ('corp', 'tool', 'look', '{"listing": {"name": "look"}, "digest": "d", "repairs": []}')`.pipe(
          Effect.orDie
        )

        /** The answer to whoever may not. */
        const isRefused = (answer: Answer, kind: string, guard: Guard, script: boolean, what: string) => {
          const isOut = kind === "nobody" || kind === "disabled"
          const isForOwners = guard.includes("owner") && kind.includes("member")
          if (script) return assert.strictEqual(answer.status, 401, what)
          if (isForOwners && !isOut) {
            // They see where else they may go.
            for (const part of ["Signed in as", 'href="/account"']) assert.include(answer.text, part, what)
            assert.notInclude(answer.text, 'href="/admin"', what)
            return assert.strictEqual(answer.status, 403, what)
          }
          assert.strictEqual(answer.status, 303, what)
          const location = answer.headers.get("location") ?? ""
          return assert.match(location, isOut ? /^\/login\?return_to=/ : /^\/login\?return_to=.*&again=1$/, what)
        }

        for (const [path, row] of Object.entries(PAGES)) {
          const at = path.replace(":name", "corp")
          for (const [kind, visitor] of Object.entries(visitors)) {
            if (row.GET !== undefined) {
              const before = yield* snapshot
              const answer = yield* visitPage(at, visitor.cookie)
              const what = `GET ${path} ${kind}`
              if (ALLOWED[row.GET].includes(kind)) {
                if (row.GET !== "anybody") {
                  assert.strictEqual(answer.status, 200, what)
                  assert.include(answer.text, 'action="/logout"', what)
                }
                assert.isBelow(answer.status, 500, what)
              } else isRefused(answer, kind, row.GET, false, what)
              assert.deepStrictEqual(yield* snapshot, before, what)
            }
            // An app may post there, and is answered by a question: openid.test.ts.
            if (path === "/logout") continue
            if (row.POST === undefined || (ALLOWED[row.POST].includes(kind) && row.POST !== "anybody")) continue
            const before = yield* snapshot
            const what = `POST ${path} ${kind}`
            const post =
              row.script === true
                ? request(at, {
                    method: "POST",
                    headers: { cookie: visitor.cookie, "content-type": "application/json" },
                    body: JSON.stringify({ csrf_token: visitor.csrf_token })
                  })
                : postPage(at, visitor)
            const answer = yield* post
            if (row.POST === "anybody") {
              assert.isBelow(answer.status, 500, what)
              // A challenge is asked for; nothing else is written for nobody.
              if (path === "/login/passkey/options") continue
            } else isRefused(answer, kind, row.POST, row.script === true, what)
            assert.deepStrictEqual(yield* snapshot, before, what)
          }
        }
      })
  )

  it.effect("UI2 UI4 a form without its token, with another browser's, or sent by another site passes nowhere", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Zoe", "owner")
      const [own, other] = [yield* browserOf(ada.id), yield* browserOf(ada.id)]
      const csrf_token = csrfOf(yield* visitPage("/account", own.cookie))
      const foreign = csrfOf(yield* visitPage("/account", other.cookie))
      const before = yield* snapshot
      for (const [path, { POST, script }] of Object.entries(PAGES)) {
        if (POST === undefined) continue
        const at = path.replace(":name", "corp")
        const tries = [
          [csrf_token, { "sec-fetch-site": "cross-site" }],
          [csrf_token, { origin: "https://evil.example" }],
          ...(POST === "anybody" || path === "/logout"
            ? []
            : ([
                ["", {}],
                [foreign, {}]
              ] as const))
        ] as const
        for (const [token, headers] of tries) {
          const answer =
            script === true
              ? yield* request(at, {
                  method: "POST",
                  headers: { cookie: own.cookie, "content-type": "application/json", ...headers },
                  body: JSON.stringify({ csrf_token: token })
                })
              : yield* postPage(at, { cookie: own.cookie, csrf_token: token }, {}, headers)
          assert.strictEqual(answer.status, 403, `${path} ${token === csrf_token ? JSON.stringify(headers) : "token"}`)
        }
      }
      assert.deepStrictEqual(yield* snapshot, before)
    })
  )
})
