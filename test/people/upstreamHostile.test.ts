import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Duration, Effect, Layer } from "effect"
import { OutboundTimeout } from "../../src/net/outbound.ts"
import { People } from "../../src/people/People.ts"
import { TestApp, testApp } from "../support/app.ts"
import { request } from "../support/client.ts"
import { beginAt, comeBack, countOf, hostileProvider, providerVariables } from "../support/identityProvider.ts"
import { capturedLogs } from "../support/logs.ts"
import { browserOf, cookieOf, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"
import { type Answering, answerJson, answerText } from "../support/upstream.ts"

type Hostile = Effect.Success<ReturnType<typeof hostileProvider>>
class Corp extends Context.Service<Corp, Hostile>()("test/Corp") {}
class Other extends Context.Service<Other, Hostile>()("test/Other") {}

/** The server beside two providers without manners, each of which may let in anybody of corp.example. */
const app = Layer.unwrap(
  Effect.gen(function* () {
    const [corp, other] = [yield* hostileProvider(), yield* hostileProvider()]
    const rule = { ADMIT: "domain:corp.example", MATCH_EMAIL: "true" }
    const variables = {
      OIDC_PROVIDERS: "corp,other",
      ...providerVariables("corp", corp.issuer, rule),
      ...providerVariables("other", other.issuer, rule)
    }
    return Layer.mergeAll(
      testApp(TestDatabase.quick, variables).pipe(Layer.provide(Layer.succeed(OutboundTimeout, Duration.seconds(3)))),
      Layer.succeed(Corp, corp),
      Layer.succeed(Other, other)
    )
  })
)

/** What the ID token has to say to be believed. */
const HONEST = { sub: "m", email: "mallory@corp.example", email_verified: true, name: "Mallory" }
const nonceOf = ({ location }: { readonly location: URL }) => location.searchParams.get("nonce")

const prepare = Effect.fn("prepare")(function* () {
  const corp = yield* Corp
  corp.reset()
  corp.state.claims = HONEST
  return corp
})

/** Begins, and comes back to an ID token with these claims; the right nonce unless they say otherwise. */
const attempt = Effect.fn("attempt")(function* (
  corp: Hostile,
  claims: Readonly<Record<string, unknown>> = {},
  query: Readonly<Record<string, string | undefined>> = {}
) {
  const begun = yield* beginAt("/login/corp?return_to=/account")
  corp.state.claims = { ...HONEST, nonce: nonceOf(begun), ...claims }
  return yield* comeBack(begun, query)
})

const jwt = (header: Readonly<Record<string, unknown>>, claims: Readonly<Record<string, unknown>>, signature = "") =>
  `${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.${signature}`

/** Nobody came in, and nothing was written of it. */
const nothingHappened = Effect.gen(function* () {
  assert.strictEqual(yield* countOf("identities"), 0)
  assert.strictEqual(yield* countOf("browser_sessions"), 0)
})

layer(app, { excludeTestServices: true, timeout: "60 seconds" })("a provider that does not keep to it", (it) => {
  it.effect("is set up", () => somebody("Ada"))

  describe("ID tokens", () => {
    const now = Math.floor(Date.now() / 1000)
    const wrong: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
      "OIDC Core 3.1.3.7 (11) with another nonce": { nonce: "another" },
      "OIDC Core 3.1.3.7 (11) without a nonce": { nonce: undefined },
      "ASVS 10.5.1 OIDC Core 3.1.3.7 (2) of another issuer": { iss: "https://accounts.google.com" },
      "OIDC Core 3.1.3.7 (2) of no issuer": { iss: undefined },
      "ASVS 10.5.3 OIDC Core 3.1.3.7 (3) for another client": { aud: "another" },
      "OIDC Core 3.1.3.7 (4) for several, and from another": { aud: ["gatehouse", "another"], azp: "another" },
      "OIDC Core 3.1.3.7 (9) that have expired": { exp: now - 60 },
      "OIDC Core 2 of nobody": { sub: undefined }
    }
    for (const [name, claims] of Object.entries(wrong)) {
      it.effect(`${name} sign nobody in`, () =>
        Effect.gen(function* () {
          const corp = yield* prepare()
          const answer = yield* attempt(corp, claims)
          assert.strictEqual(answer.status, 403, answer.text)
          assert.include(answer.text, "does not hold")
          yield* nothingHappened
        })
      )
    }

    it.effect("OIDC Core 3.1.3.7 (2) of an issuer that differs by a slash sign nobody in", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        assert.strictEqual((yield* attempt(corp, { iss: `${corp.issuer}/` })).status, 403)
        yield* nothingHappened
      })
    )

    const forged: Readonly<Record<string, (claims: Readonly<Record<string, unknown>>) => string>> = {
      "(7) with alg none": (claims) => jwt({ alg: "none" }, claims),
      "(6) with a signature that is not the provider's": (claims) => jwt({ alg: "RS256", kid: "1" }, claims, "AAAA"),
      "(7) signed by the client's secret": (claims) => jwt({ alg: "HS256" }, claims, "AAAA"),
      "that are none": () => "nonsense"
    }
    for (const [name, token] of Object.entries(forged)) {
      it.effect(`ASVS 10.5.1 OIDC Core 3.1.3.7 ${name} sign nobody in`, () =>
        Effect.gen(function* () {
          const corp = yield* prepare()
          corp.state.token = token
          const answer = yield* attempt(corp)
          assert.include([403, 503], answer.status, answer.text)
          yield* nothingHappened
        })
      )
    }

    it.effect("OIDC Core 5.3.2 userinfo of somebody else is not taken for theirs", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        corp.state.userinfo = { ...HONEST, sub: "somebody else" }
        const answer = yield* attempt(corp, { email: undefined, email_verified: undefined })
        assert.strictEqual(answer.status, 403)
        yield* nothingHappened
      })
    )
  })

  describe("the way back", () => {
    it.effect("ASVS 10.2.2 RFC 9207 the `iss` of another provider is refused before the code is sent anywhere", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        const asked = corp.asked.length
        for (const iss of ["https://accounts.google.com", `${corp.issuer}/`]) {
          assert.strictEqual((yield* attempt(corp, {}, { iss })).status, 403)
        }
        assert.lengthOf(corp.asked.slice(asked), 0)
        yield* nothingHappened
      })
    )

    it.effect("ASVS 10.2.1 RFC 9700 2.1.2 a state of another browser, a wrong one and none sign nobody in", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        const [one, two] = [yield* beginAt("/login/corp"), yield* beginAt("/login/corp")]
        corp.state.claims = { ...HONEST, nonce: nonceOf(one) }
        const other = yield* comeBack({ ...one, cookie: two.cookie })
        assert.strictEqual(other.status, 403)
        assert.include(other.text, "began in another browser")
        const state = one.location.searchParams.get("state") ?? ""
        assert.strictEqual((yield* comeBack(one, { state: undefined })).status, 403)
        // The cookie is found by it, and the rest of it does not fit.
        assert.strictEqual((yield* comeBack(one, { state: `${state.slice(0, 16)}${"A".repeat(27)}` })).status, 403)
        // That was its one try.
        assert.strictEqual((yield* comeBack(one)).status, 403)
        yield* nothingHappened
      })
    )

    it.effect("ASVS 10.2.2 what was begun with one provider is not finished with another", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        const begun = yield* beginAt("/login/corp")
        for (const { state } of [corp, yield* Other]) state.claims = { ...HONEST, nonce: nonceOf(begun) }
        for (const name of ["other", "nobody"]) {
          assert.strictEqual((yield* comeBack(begun, {}, name)).status, 403)
        }
        yield* nothingHappened
      })
    )

    it.effect("a person who was denied there is told so, and an error's text is not repeated", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        const denied = yield* attempt(corp, {}, { code: undefined, error: "access_denied" })
        assert.include(denied.text, "corp! did not sign you in: access was denied there.")
        const odd = yield* attempt(
          corp,
          {},
          { code: undefined, error: "<b>call 555</b>", error_description: "call 555" }
        )
        assert.strictEqual(odd.status, 403)
        assert.notInclude(odd.text, "555")
      })
    )

    it.effect("ASVS 7.5.1 a provider that signs in again without asking proves nothing", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        const ada = yield* (yield* People).credentialsOf("ada@people.example")
        const begun = yield* beginAt("/login/corp?again=1", (yield* browserOf(ada?.person.id ?? "")).cookie)
        const now = Math.floor(Date.now() / 1000)
        corp.state.claims = { ...HONEST, email: "ada@people.example", nonce: nonceOf(begun), auth_time: now - 3600 }
        const answer = yield* comeBack(begun)
        assert.strictEqual(answer.status, 403)
        assert.include(answer.text, "did not ask you anew")
        yield* (yield* TestApp).sql`delete from mcp.browser_sessions`.pipe(Effect.orDie)
        yield* nothingHappened
      })
    )

    it.effect(
      "UI4 ASVS 3.5.3 another site cannot begin a sign-in, nor one lead elsewhere; no such provider is no page",
      () =>
        Effect.gen(function* () {
          yield* prepare()
          for (const site of ["cross-site", "same-site"]) {
            const answer = yield* request("/login/corp", { headers: { "sec-fetch-site": site } })
            assert.strictEqual(answer.status, 403)
            assert.isEmpty(cookieOf(answer))
          }
          assert.strictEqual((yield* request("/login/nobody")).status, 404)
          assert.strictEqual((yield* request("/login/constructor")).status, 404)
        })
    )
  })

  describe("answers", () => {
    const broken: Readonly<Record<string, Answering>> = {
      "one that never comes": () => {},
      "one that breaks off": (_, response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "100" }).write("{")
        response.destroy()
      },
      "a redirect": answerText("", 302, { location: "/elsewhere" }),
      "an error of its own": answerText("sorry", 500),
      "what is no JSON": answerText("<html>", 200, { "content-type": "text/html" })
    }
    for (const [name, answer] of Object.entries(broken)) {
      it.effect(`ASVS 13.2.6 for a code: ${name} is 503, and other ways in are there`, () =>
        Effect.gen(function* () {
          const corp = yield* prepare()
          corp.state.answers = { "/token": answer }
          const page = yield* attempt(corp)
          assert.strictEqual(page.status, 503, page.text)
          assert.isNotNull(page.headers.get("retry-after"))
          assert.include(page.text, "sign in another way")
          assert.notInclude(page.text, "canary")
          assert.isFalse(corp.asked.some(({ url }) => url.pathname === "/elsewhere"))
          yield* nothingHappened
        })
      )
    }

    it.effect("ASVS 13.2.6 for a code: a giant one is 503, however good it is", () =>
      Effect.gen(function* () {
        const page = yield* attempt(yield* prepare(), { more: "x".repeat(300_000) })
        assert.strictEqual(page.status, 503, page.text)
        yield* nothingHappened
      })
    )

    it.effect("a secret that it does not know is the owner's to mend", () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        corp.state.answers = { "/token": answerJson({ error: "invalid_client" }, 401) }
        const page = yield* attempt(corp)
        assert.strictEqual(page.status, 403)
        assert.include(page.text, "check the client id and the secret")
      })
    )
  })

  it.effect(
    "ASVS 10.4.6 RFC 7636 a sign-in goes well in the end, once: with the verifier of its challenge, and to BASE_URL",
    () =>
      Effect.gen(function* () {
        const corp = yield* prepare()
        const begun = yield* beginAt("/login/corp?return_to=/account")
        corp.state.claims = { ...HONEST, nonce: nonceOf(begun) }
        assert.strictEqual(begun.location.searchParams.get("code_challenge_method"), "S256")
        const answer = yield* comeBack(begun, { iss: corp.issuer })
        assert.strictEqual(answer.status, 303, answer.text)
        assert.strictEqual((yield* visitPage("/account", cookieOf(answer))).status, 200)
        const sent = new URLSearchParams(corp.asked.findLast(({ url }) => url.pathname === "/token")?.body)
        assert.strictEqual(sent.get("redirect_uri"), begun.location.searchParams.get("redirect_uri"))
        assert.match(sent.get("redirect_uri") ?? "", /^http:\/\/localhost:\d+\/login\/corp\/callback$/)
        assert.match(sent.get("code_verifier") ?? "", /^[\w-]{43}$/)
        assert.strictEqual((yield* comeBack(begun, { iss: corp.issuer })).status, 403)
        assert.strictEqual(yield* countOf("browser_sessions"), 1)
      })
  )
})

describe("discovery", () => {
  it.live("is asked for when somebody comes, survives what a provider does to it, and is asked once", () =>
    Effect.gen(function* () {
      const corp = yield* prepare()
      yield* somebody("Ada")
      assert.lengthOf(corp.asked, 0)
      const path = "/.well-known/openid-configuration"
      const broken: ReadonlyArray<Answering> = [
        answerText("x".repeat(300_000), 200, { "content-type": "application/json" }),
        () => {},
        answerText("", 302, { location: "/elsewhere" }),
        answerText("sorry", 500),
        answerJson({ issuer: corp.issuer })
      ]
      for (const answer of broken) {
        corp.state.answers = { [path]: answer }
        const page = yield* request("/login/corp")
        assert.strictEqual(page.status, 503)
        assert.isEmpty(cookieOf(page))
        assert.strictEqual((yield* request("/login")).status, 200)
      }
      corp.state.answers = { [path]: answerJson({ issuer: "https://accounts.google.com" }) }
      assert.strictEqual((yield* request("/login/corp")).status, 503)
      corp.state.answers = {}
      assert.strictEqual((yield* request("/login/corp")).status, 303)
    }).pipe(Effect.provide(Layer.fresh(app)))
  )

  it.live("sends nobody to what is no address of the web", () =>
    Effect.gen(function* () {
      const corp = yield* prepare()
      yield* somebody("Ada")
      corp.state.metadata = { authorization_endpoint: "javascript:alert(1)" }
      assert.notStrictEqual((yield* request("/login/corp")).status, 303)
    }).pipe(Effect.provide(Layer.fresh(app)))
  )

  it.live("is one question for many who come at once, and not repeated for those who come later", () =>
    Effect.gen(function* () {
      const corp = yield* prepare()
      yield* somebody("Ada")
      const all = yield* Effect.all(
        Array.from({ length: 10 }, () => request("/login/corp")),
        { concurrency: "unbounded" }
      )
      assert.isTrue(all.every(({ status }) => status === 303))
      assert.strictEqual((yield* request("/login/corp")).status, 303)
      assert.lengthOf(corp.asked, 1)
    }).pipe(Effect.provide(Layer.fresh(app)))
  )

  it.live("OIDC Discovery 4.3 an issuer that differs by a slash is another one: the log has both", () =>
    Effect.gen(function* () {
      const corp = yield* hostileProvider()
      const variables = {
        OIDC_PROVIDERS: "corp",
        ...providerVariables("corp", `${corp.issuer}/`),
        LOG_LEVEL: "error",
        LOG_FORMAT: "json"
      }
      const logs = yield* capturedLogs
      yield* Effect.gen(function* () {
        yield* somebody("Ada")
        const page = yield* request("/login/corp")
        assert.strictEqual(page.status, 403)
        assert.include(page.text, "finds in the log what differs")
      }).pipe(Effect.provide(Layer.fresh(testApp(TestDatabase.quick, variables))))
      const line = yield* logs.find(({ message }) => JSON.stringify(message).includes("another issuer"))
      const message = line?.message
      assert.deepInclude(Array.isArray(message) ? message[1] : message, {
        expected: `${corp.issuer}/`,
        received: corp.issuer
      })
    }).pipe(Effect.scoped)
  )
})
