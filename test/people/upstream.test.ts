import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import type { BrowserSessions } from "../../src/people/BrowserSessions.ts"
import { People } from "../../src/people/People.ts"
import { TestApp, testApp } from "../support/app.ts"
import { postForm, request } from "../support/client.ts"
import { beginAt, begunBy, countOf, identityProvider, providerVariables } from "../support/identityProvider.ts"
import { browserOf, cookieOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

type Corp = Effect.Success<ReturnType<typeof identityProvider>>
type Begun = ReturnType<typeof begunBy>
const NOBODY = { id: undefined, address: undefined }

/** The server beside a certified provider. */
const withCorp =
  (
    over: Readonly<Record<string, string>>,
    run: (corp: Corp) => Effect.Effect<void, unknown, TestApp | People | BrowserSessions>,
    inToken = false,
    more: Readonly<Record<string, string>> = {}
  ) =>
  () =>
    Effect.gen(function* () {
      const corp = yield* identityProvider(inToken)
      const variables = { OIDC_PROVIDERS: "corp", ...more, ...providerVariables("corp", corp.issuer, over) }
      yield* run(corp).pipe(Effect.provide(Layer.fresh(testApp(TestDatabase.quick, variables))))
    }).pipe(Effect.scoped)

/** What a browser does that was sent to the provider: until it is back here. */
const goOn = Effect.fn("goOn")(function* (corp: Corp, { location, cookie }: Begun) {
  const back = yield* corp.walk(location)
  return yield* request(back.pathname + back.search, { headers: { cookie } })
})

/** Signs in with the provider, from the link on. */
const enter = Effect.fn("enter")(function* (corp: Corp, path = "/login/corp?return_to=/account") {
  return yield* goOn(corp, yield* beginAt(path))
})

const find = (email: string) =>
  Effect.flatMap(People, (people) => Effect.map(people.credentialsOf(email), (found) => found?.person))

describe("upstream providers", () => {
  it.live(
    "OIDC Core 3.1 somebody invited whom the provider vouches for is made with the invitation's role, and known ever after",
    withCorp({}, (corp) =>
      Effect.gen(function* () {
        const people = yield* People
        yield* somebody("Ada")
        yield* people.invite("Bob@people.example", "owner", NOBODY)
        corp.state.person = { sub: "b1", email: "bob@people.example", email_verified: true, name: "Bob B." }
        const login = yield* request("/login?return_to=/account")
        assert.include(login.text, 'href="/login/corp?return_to=%2Faccount"')
        assert.include(login.text, "Sign in with corp!")
        const answer = yield* enter(corp)
        assert.strictEqual(answer.status, 303, answer.text)
        assert.strictEqual(answer.headers.get("location"), "/account")
        const bob = yield* find("bob@people.example")
        assert.deepInclude(bob, { name: "Bob B.", role: "owner", emailVerifiedBy: corp.issuer, hasPassword: false })
        assert.isEmpty(yield* people.invitations)
        assert.include((yield* visitPage("/account", cookieOf(answer))).text, "corp!")
        const events = (yield* people.events({ personId: bob?.id, limit: 10 })).map(({ event }) => event)
        assert.includeMembers(events, ["identity_linked", "invitation_followed"])
        // Another address there changes nothing: they are their subject.
        corp.state.person = { sub: "b1", email: "other@people.example", email_verified: true }
        assert.strictEqual((yield* enter(corp)).status, 303)
        assert.strictEqual(yield* countOf("people"), 2)
      })
    )
  )

  it.live(
    "ASVS 10.5.2 nobody is known by an address: neither who has it here already, nor who was not invited",
    withCorp({}, (corp) =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        corp.state.person = { sub: "x", email: "ada@people.example", email_verified: true }
        const answer = yield* enter(corp)
        assert.strictEqual(answer.status, 403)
        assert.include(answer.text, "Nobody has invited ada@people.example")
        assert.include(answer.text, 'href="/login?return_to=%2Faccount"')
        corp.state.person = { sub: "y", email: "eve@people.example", email_verified: false }
        assert.include((yield* enter(corp)).text, "does not vouch")
        assert.deepStrictEqual([yield* countOf("people"), yield* countOf("identities")], [1, 0])
        assert.strictEqual(yield* countOf("browser_sessions"), 0)
      })
    )
  )

  it.live(
    "ASVS 10.5.2 an unverified address follows no invitation and matches nobody, MATCH_EMAIL or not; a verified one does",
    withCorp(
      { MATCH_EMAIL: "true" },
      (corp) =>
        Effect.gen(function* () {
          const ada = yield* somebody("Ada")
          yield* (yield* People).invite("bob@people.example", "member", NOBODY)
          for (const email of ["ada@people.example", "bob@people.example"]) {
            for (const verified of [{ email_verified: false }, {}, { email_verified: "true" }]) {
              corp.state.person = { sub: `s-${email}`, email, ...verified }
              assert.strictEqual((yield* enter(corp)).status, 403)
            }
          }
          assert.deepStrictEqual([yield* countOf("identities"), yield* countOf("links")], [0, 1])
          corp.state.person = { sub: "a", email: "ADA@people.example", email_verified: true }
          assert.strictEqual((yield* enter(corp)).status, 303)
          const events = yield* (yield* People).events({ personId: ada.id, event: "identity_linked", limit: 5 })
          assert.lengthOf(events, 1)
          assert.strictEqual(yield* countOf("people"), 1)
        }),
      true
    )
  )

  it.live(
    "MATCH_EMAIL links nobody to a person whose own address nobody vouched for",
    withCorp({ MATCH_EMAIL: "true", ADMIT: "claim:groups=staff" }, (corp) =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        corp.state.person = { sub: "squatter", email: "boss@people.example", groups: "staff" }
        assert.strictEqual((yield* enter(corp)).status, 303)
        corp.state.person = { sub: "boss", email: "boss@people.example", email_verified: true, groups: "staff" }
        assert.include((yield* enter(corp)).text, "is here already")
        assert.strictEqual(yield* countOf("identities"), 1)
      })
    )
  )

  it.live(
    "a disabled person does not come in, nor is made anew",
    withCorp({ MATCH_EMAIL: "true", ADMIT: "domain:people.example" }, (corp) =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        const bob = yield* somebody("Bob", "member")
        corp.state.person = { sub: "b", email: "bob@people.example", email_verified: true }
        assert.strictEqual((yield* enter(corp)).status, 303)
        yield* (yield* People).disable(bob.id, NOBODY)
        for (const sub of ["b", "another"]) {
          corp.state.person = { ...corp.state.person, sub }
          const answer = yield* enter(corp)
          assert.strictEqual(answer.status, 403)
          assert.include(answer.text, "may not sign in here any more")
        }
        assert.strictEqual(yield* countOf("browser_sessions"), 0)
      })
    )
  )

  it.live(
    "a domain's people come in as members, those of domains that only look like it do not; two tabs make one person",
    withCorp({ ADMIT: "domain:corp.example,people.example" }, (corp) =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        for (const email of ["e@sub.corp.example", "e@corp.example.evil.example", "e@evilcorp.example"]) {
          corp.state.person = { sub: email, email, email_verified: true }
          assert.strictEqual((yield* enter(corp)).status, 403, email)
        }
        corp.state.person = { sub: "c", email: "Carl@Corp.example", email_verified: true }
        const answers = yield* Effect.all([enter(corp), enter(corp), enter(corp)], { concurrency: "unbounded" })
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          [303, 303, 303]
        )
        assert.deepInclude(yield* find("carl@corp.example"), { role: "member", name: "Carl" })
        assert.deepStrictEqual([yield* countOf("people"), yield* countOf("identities")], [2, 1])
        // Somebody has this address here; being of the domain does not make another person them.
        corp.state.person = { sub: "d", email: "ada@people.example", email_verified: true }
        assert.include((yield* enter(corp)).text, "is here already")
      })
    )
  )

  it.live(
    "a claim's value lets in, found in userinfo too; an address that nobody vouches for is not called verified",
    withCorp({ ADMIT: "claim:groups=staff" }, (corp) =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        for (const groups of [undefined, "staffers", ["guests"], [["staff"]], { staff: true }]) {
          corp.state.person = { sub: "g", email: "g@people.example", groups }
          assert.strictEqual((yield* enter(corp)).status, 403, JSON.stringify(groups))
        }
        corp.state.person = { sub: "g", email: "g@people.example", groups: ["guests", "staff"] }
        assert.strictEqual((yield* enter(corp)).status, 303)
        assert.deepInclude(yield* find("g@people.example"), { role: "member", emailVerifiedBy: undefined })
        corp.state.person = { sub: "h", groups: "staff" }
        assert.include((yield* enter(corp)).text, "tells no e-mail address")
      })
    )
  )

  it.live(
    "SIGN_UP=open: a provider without a rule lets anybody in as a member, but for nobody who was invited or is here",
    withCorp(
      {},
      (corp) =>
        Effect.gen(function* () {
          const people = yield* People
          yield* somebody("Ada")
          yield* people.invite("bob@people.example", "owner", NOBODY)
          assert.include((yield* request("/signup?return_to=/account")).text, 'href="/login/corp?return_to=%2Faccount"')
          corp.state.person = { sub: "e", email: "eve@people.example", email_verified: true }
          assert.strictEqual((yield* enter(corp)).status, 303)
          const eve = yield* find("eve@people.example")
          assert.deepInclude(eve, { role: "member", emailVerifiedBy: corp.issuer })
          const events = (yield* people.events({ personId: eve?.id, limit: 10 })).map(({ event }) => event)
          assert.includeMembers(events, ["person_signed_up", "identity_linked"])
          // Whose address the provider does not vouch for is not who was invited by it, and does not take it from them.
          for (const email of ["bob@people.example", "ADA@people.example"]) {
            corp.state.person = { sub: email, email, email_verified: false }
            const answer = yield* enter(corp)
            assert.strictEqual(answer.status, 403)
            assert.include(answer.text, "is here already, or is invited")
          }
          assert.strictEqual(yield* countOf("people"), 2)
          assert.lengthOf(yield* people.invitations, 1)
        }),
      false,
      { SIGN_UP: "open" }
    )
  )

  it.live(
    "SIGN_UP=open: a provider with a rule of its own keeps it",
    withCorp(
      { ADMIT: "domain:corp.example" },
      (corp) =>
        Effect.gen(function* () {
          yield* somebody("Ada")
          corp.state.person = { sub: "e", email: "eve@people.example", email_verified: true }
          assert.strictEqual((yield* enter(corp)).status, 403)
          assert.strictEqual(yield* countOf("people"), 1)
        }),
      false,
      { SIGN_UP: "open" }
    )
  )

  it.live(
    "before there is an owner nobody comes in: the way is the set-up, and a provider can be the owner's way in",
    withCorp({ ADMIT: "domain:people.example" }, (corp) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* request("/login/corp")).headers.get("location"), "/setup")
        corp.state.person = { sub: "o", email: "else@where.example", email_verified: true }
        const code = yield* (yield* People).setupLink
        const fields = { code: Redacted.value(code ?? Redacted.make("")), name: "Olga", email: "olga@people.example" }
        const answer = yield* goOn(corp, begunBy(yield* postForm("/setup/provider", { ...fields, provider: "corp" })))
        assert.strictEqual(answer.headers.get("location"), "/account/codes")
        assert.deepInclude(yield* find("olga@people.example"), { role: "owner", emailVerifiedBy: "owner" })
        // Whoever is on the way while the last person goes does not become the first one.
        const begun = yield* beginAt("/login/corp")
        const { sql } = yield* TestApp
        yield* sql`delete from mcp.people`.pipe(Effect.orDie)
        corp.state.person = { sub: "p", email: "p@people.example", email_verified: true }
        assert.strictEqual((yield* goOn(corp, begun)).status, 403)
        assert.strictEqual(yield* countOf("people"), 0)
      })
    )
  )

  it.live(
    "an invitation's receiver chooses a provider, where they have another address; the link is good once",
    withCorp({}, (corp) =>
      Effect.gen(function* () {
        const people = yield* People
        yield* somebody("Ada")
        const code = Redacted.value(yield* people.invite("bob@people.example", "member", NOBODY))
        const fields = { code, name: "Bob", provider: "corp" }
        assert.include((yield* postForm("/invitation", fields)).text, "Use corp!")
        corp.state.person = { sub: "b", email: "bobby@mail.example", email_verified: true }
        const depart = (sent: typeof fields) => Effect.map(postForm("/invitation/provider", sent), (at) => begunBy(at))
        const [one, two] = [yield* depart(fields), yield* depart(fields)]
        const { sql } = yield* TestApp
        const [kept] = yield* sql<{ all: string }>`
          select string_agg(detail::text, '') as all from mcp.ceremonies`.pipe(Effect.orDie)
        assert.include(kept?.all, "Bob")
        assert.notInclude(kept?.all, code)
        assert.notInclude(one.location.href, code)
        assert.strictEqual((yield* goOn(corp, one)).headers.get("location"), "/account/codes")
        assert.deepInclude(yield* find("bob@people.example"), { name: "Bob", role: "member", emailVerifiedBy: "owner" })
        assert.strictEqual((yield* goOn(corp, two)).status, 410)
        assert.strictEqual((yield* postForm("/invitation/provider", fields)).status, 410)
        // An account elsewhere is one person's here: the second invitation stays good.
        const other = Redacted.value(yield* people.invite("bert@people.example", "member", NOBODY))
        const taken = yield* goOn(corp, yield* depart({ ...fields, code: other }))
        assert.strictEqual(taken.status, 409)
        assert.include(taken.text, "Your link is still good")
        assert.deepStrictEqual([yield* countOf("people"), yield* countOf("links")], [2, 1])
      })
    )
  )

  it.live(
    "RF12 a reset link opens a provider as the new way in, and ends what the old one began",
    withCorp({}, (corp) =>
      Effect.gen(function* () {
        const ada = yield* somebody("Ada")
        const old = yield* browserOf(ada.id)
        const code = yield* (yield* People).resetLink(ada.id, NOBODY, "owner")
        const fields = { code: Redacted.value(code ?? Redacted.make("")), provider: "corp" }
        corp.state.person = { sub: "a" }
        const answer = yield* goOn(corp, begunBy(yield* postForm("/reset/provider", fields)))
        assert.strictEqual((yield* visitPage("/account", cookieOf(answer))).status, 200)
        assert.strictEqual((yield* visitPage("/account", old.cookie)).status, 303)
        assert.strictEqual((yield* enter(corp)).status, 303)
      })
    )
  )

  it.live(
    "ASVS 7.5.1 a fresh sign-in asks the provider to ask anew, and goes on with the session under a new token",
    withCorp({ MATCH_EMAIL: "true" }, (corp) =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        corp.state.person = { sub: "a", email: "ada@people.example", email_verified: true }
        const cookie = cookieOf(yield* enter(corp))
        // Whoever is signed in goes on without the provider.
        const again = yield* request("/login/corp?return_to=/account", { headers: { cookie } })
        assert.strictEqual(again.headers.get("location"), "/account")
        const begun = yield* beginAt("/login/corp?return_to=/account&again=1", cookie)
        assert.strictEqual(begun.location.searchParams.get("prompt"), "login")
        const fresh = yield* goOn(corp, begun)
        assert.strictEqual(fresh.status, 303)
        assert.strictEqual((yield* visitPage("/account", cookie)).status, 303)
        assert.strictEqual((yield* visitPage("/account", cookieOf(fresh))).status, 200)
        assert.strictEqual(yield* countOf("browser_sessions"), 1)
      })
    )
  )
})

describe("accounts elsewhere, on the account page", () => {
  const token = (cookie: string) => Effect.map(visitPage("/account", cookie), csrfOf)
  /** Goes to the provider to link, with this browser. */
  const depart = Effect.fn("depart")(function* (cookie: string) {
    const form = { cookie, csrf_token: yield* token(cookie) }
    return begunBy(yield* postPage("/account/identities/corp/link", form), cookie)
  })

  it.live(
    "ASVS 7.5.1 UI2 are linked after a fresh sign-in, by the browser that asked, and never taken from somebody",
    withCorp({}, (corp) =>
      Effect.gen(function* () {
        const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
        const [hers, his] = [yield* browserOf(ada.id), yield* browserOf(bob.id)]
        corp.state.person = { sub: "a", email: "ada@elsewhere.example", email_verified: true }
        const foreign = { cookie: hers.cookie, csrf_token: yield* token(his.cookie) }
        assert.strictEqual((yield* postPage("/account/identities/corp/link", foreign)).status, 403)
        // What she began is nothing to another person's browser, even with her cookie of it.
        const begun = yield* depart(hers.cookie)
        const stolen = { ...begun, cookie: begun.cookie.replace(hers.cookie, his.cookie) }
        assert.strictEqual((yield* goOn(corp, stolen)).status, 403)
        assert.strictEqual(yield* countOf("identities"), 0)
        const linked = yield* goOn(corp, yield* depart(hers.cookie))
        assert.strictEqual(linked.headers.get("location"), "/account", linked.text)
        assert.include((yield* visitPage("/account", hers.cookie)).text, "ada@elsewhere.example")
        assert.strictEqual((yield* goOn(corp, yield* depart(his.cookie))).status, 409)
        const form = { cookie: hers.cookie, csrf_token: yield* token(hers.cookie) }
        const { sql } = yield* TestApp
        yield* sql`update mcp.browser_sessions set authenticated_at = authenticated_at - interval '11 minutes'`.pipe(
          Effect.orDie
        )
        for (const path of ["/account/identities/corp/link", "/account/identities/unlink"]) {
          const stale = yield* postPage(path, form, { issuer: corp.issuer, subject: "a" })
          assert.strictEqual(stale.headers.get("location"), "/login?return_to=%2Faccount&again=1")
        }
        assert.strictEqual(yield* countOf("identities"), 1)
      })
    )
  )

  it.live(
    "are unlinked, but never the last way in, of two at once neither",
    withCorp({ ADMIT: "domain:corp.example" }, (corp) =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        corp.state.person = { sub: "c", email: "carl@corp.example", email_verified: true }
        const cookie = cookieOf(yield* enter(corp))
        const csrf_token = yield* token(cookie)
        const unlink = (subject: string, issuer = corp.issuer) =>
          postPage("/account/identities/unlink", { cookie, csrf_token }, { issuer, subject })
        const only = yield* unlink("c")
        assert.strictEqual(only.status, 409)
        assert.include(only.text, "only way in")
        assert.strictEqual((yield* unlink("somebody else's")).status, 404)
        corp.state.person = { sub: "c2" }
        yield* goOn(corp, yield* depart(cookie))
        assert.strictEqual(yield* countOf("identities"), 2)
        const carl = yield* find("carl@corp.example")
        const people = yield* People
        const { sql } = yield* TestApp
        for (let round = 1; round <= 10; round++) {
          const both = yield* Effect.all([unlink("c"), unlink("c2")], { concurrency: "unbounded" })
          assert.sameMembers(
            both.map(({ status }) => status),
            [303, 409]
          )
          assert.lengthOf(yield* people.events({ personId: carl?.id, event: "identity_unlinked", limit: 20 }), round)
          if (round === 10) continue
          yield* sql`insert into mcp.identities (issuer, subject, person_id)
            values (${corp.issuer}, 'c', ${carl?.id}), (${corp.issuer}, 'c2', ${carl?.id})
            on conflict do nothing`.pipe(Effect.orDie)
        }
        // One of a provider that nobody asks any more is no way in.
        const [left] = yield* sql<{ subject: string }>`select subject from mcp.identities`.pipe(Effect.orDie)
        yield* sql`insert into mcp.identities (issuer, subject, person_id)
          values ('https://gone.example', 'c', ${carl?.id})`.pipe(Effect.orDie)
        assert.strictEqual((yield* unlink(left?.subject ?? "")).status, 409)
        assert.strictEqual((yield* unlink("c", "https://gone.example")).status, 303)
        yield* sql`update mcp.people set password = 'a PHC string' where id = ${carl?.id}`.pipe(Effect.orDie)
        assert.strictEqual((yield* unlink(left?.subject ?? "")).status, 303)
        assert.strictEqual(yield* countOf("identities"), 0)
      })
    )
  )
})
