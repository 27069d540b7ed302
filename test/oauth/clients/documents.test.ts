import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose"
import type { PublicWeb } from "../../../src/net/PublicWeb.ts"
import { isPublicAddress } from "../../../src/net/specialUse.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { snapshots } from "../../../src/oauth/clients/snapshots.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  type Answer,
  admitted,
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  obtainCode,
  postForm,
  refresh,
  request,
  revoke,
  rowCounts
} from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"
import { jsonPage, testWeb } from "../../support/publicWeb.ts"

const REDIRECT = "http://127.0.0.1:4711/callback"
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const documentOf = (client_id: string, over: Readonly<Record<string, unknown>> = {}) => ({
  client_id,
  client_name: "A described app",
  redirect_uris: ["http://127.0.0.1/callback"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
  ...over
})

const ask = (client_id: string, over: Readonly<Record<string, string>> = {}, address = "203.0.113.1") =>
  getAuthorize(authorizeParameters(newPkce().challenge, { client_id, ...over }), { "x-forwarded-for": address })

/** So that requests may come from addresses of the test's choice. */
const BEHIND_PROXY = { TRUST_PROXY: "127.0.0.0/8,::1" }

const withApp =
  (web: Layer.Layer<PublicWeb>, variables: Readonly<Record<string, string>> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, testApp(TestDatabase.quick, variables, web))

const isRefused = (answer: Answer) => {
  assert.strictEqual(answer.status, 400, answer.text)
  assert.isNull(answer.headers.get("location"))
}

describe("client id metadata documents", () => {
  it.live(
    "CM10 a client that is known by its document alone goes through the whole flow; its document is fetched once",
    () =>
      Effect.gen(function* () {
        const web = yield* testWeb({})
        const client_id = web.url("/client.json")
        web.pages["/client.json"] = jsonPage(documentOf(client_id), { "cache-control": "max-age=3600" })
        yield* Effect.gen(function* () {
          const page = yield* ask(client_id)
          assert.strictEqual(page.status, 200, page.text)
          // CM10: who vouches for it, and where the answer goes.
          assert.include(page.text, `<dt>Described at</dt><dd>${new URL(client_id).host}</dd>`)
          assert.include(page.text, "127.0.0.1:4711")
          assert.include(page.text, "program on this computer")
          const { body } = yield* exchange(yield* obtainCode({ client_id }), { client_id })
          assert.isTrue(yield* admitted(body.access_token))
          // Vendors' outages end no session: the token endpoint needs no document.
          delete web.pages["/client.json"]
          const refreshed = yield* refresh(body.refresh_token, { client_id })
          assert.strictEqual(refreshed.status, 200, refreshed.text)
          assert.strictEqual((yield* revoke(refreshed.body.refresh_token, { client_id })).status, 200)
          assert.isFalse(yield* admitted(refreshed.body.access_token))
          assert.strictEqual(web.asked.length, 1)
        }).pipe(withApp(web.layer))
      }).pipe(Effect.scoped)
  )

  it.live("CM2, CM6, CM7, CM8 whatever is wrong with a document, the page is the same and nothing is written", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const url = (path: string) => web.url(path)
      const serve = (path: string, over: Readonly<Record<string, unknown>>) => {
        web.pages[path] = jsonPage(documentOf(url(path), over))
      }
      serve("/other-id", { client_id: url("/other-id/") })
      serve("/case", { client_id: url("/case").replace("client.example", "CLIENT.example") })
      serve("/no-name", { client_name: " " })
      serve("/no-redirect", { redirect_uris: [] })
      serve("/bad-redirect", { redirect_uris: ["javascript:alert(1)"] })
      serve("/secret", { client_secret: "x" })
      serve("/secret-expiry", { client_secret_expires_at: 0 })
      serve("/basic", { token_endpoint_auth_method: "client_secret_basic" })
      serve("/jwt-without-keys", { token_endpoint_auth_method: "private_key_jwt" })
      serve("/private-key", {
        token_endpoint_auth_method: "private_key_jwt",
        jwks: { keys: [{ kty: "EC", crv: "P-256", x: "a", y: "b", d: "c" }] }
      })
      serve("/symmetric-key", {
        token_endpoint_auth_method: "private_key_jwt",
        jwks: { keys: [{ kty: "oct", k: "c" }] }
      })
      serve("/large", { client_uri: `https://client.example/${"x".repeat(6000)}` })
      web.pages["/moved"] = (response) => response.writeHead(301, { location: url("/good") }).end()
      web.pages["/good"] = jsonPage(documentOf(url("/good")))
      web.pages["/html"] = (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")
      web.pages["/broken"] = (response) =>
        response.writeHead(200, { "content-type": "application/json" }).end('{"client_id"')
      web.pages["/created"] = (response) =>
        response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(documentOf(url("/created"))))
      yield* Effect.gen(function* () {
        const before = yield* rowCounts()
        const pages = new Set<string>()
        const paths = [...Object.keys(web.pages), "/missing"].filter((path) => path !== "/good")
        for (const path of paths) {
          const answer = yield* ask(url(path))
          isRefused(answer)
          // Each page names its own request, and nothing else of it.
          pages.add(answer.text.replace(/<p>Request <code>[^<]*<\/code><\/p>/, ""))
        }
        assert.strictEqual(web.asked.length, paths.length)
        assert.lengthOf([...pages], 1)
        assert.include([...pages][0], "App not recognised")
        assert.deepStrictEqual(yield* rowCounts(), before)
        // The token endpoint fetches nothing at anybody's word.
        const token = yield* exchange({ code: "mcp_ac_x", verifier: "x".repeat(43) }, { client_id: url("/good") })
        assert.strictEqual(token.body.error, "invalid_client")
        assert.strictEqual(web.asked.length, paths.length)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("CM3 another spelling of a URL is an unknown client, and is not fetched", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      yield* Effect.gen(function* () {
        for (const client_id of [
          "http://client.example/client.json",
          "https://client.example",
          "https://client.example/",
          "https://client.example:443/client.json",
          "https://CLIENT.example/client.json",
          "HTTPS://client.example/client.json",
          "https://user@client.example/client.json",
          "https://client.example/client.json#x",
          "https://client.example/a/../client.json",
          "https://client.example/./client.json",
          "https://client.example/%2e%2e/client.json",
          "https://client.example/a%2fb",
          "https://client.example\\client.json",
          "https://client.example/\tclient.json",
          "https://client.example/client.json ",
          " https://client.example/client.json",
          "https://cliént.example/client.json",
          `https://client.example/${"x".repeat(600)}`
        ]) {
          const answer = yield* ask(client_id)
          isRefused(answer)
          assert.include(answer.text, "Unknown app", client_id)
        }
        assert.deepStrictEqual([web.asked, web.lookups], [[], []])
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("CM4 a document in a private network is refused like any other that cannot be fetched", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const client_id = web.url("/client.json")
      web.pages["/client.json"] = jsonPage(documentOf(client_id))
      yield* Effect.gen(function* () {
        for (const id of [
          client_id,
          "https://127.0.0.1/x",
          "https://[::1]/x",
          "https://169.254.169.254/latest/meta-data"
        ]) {
          const answer = yield* ask(id)
          isRefused(answer)
          assert.include(answer.text, "App not recognised")
        }
        assert.strictEqual(web.asked.length, 0)
      }).pipe(withApp(web.layerOf(() => ["127.0.0.1"], isPublicAddress)))
    }).pipe(Effect.scoped)
  )

  it.live("CM9 many who ask at once share one look-up, and a failure is not asked for again at once", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const client_id = web.url("/client.json")
      web.pages["/client.json"] = (response) => {
        setTimeout(() => jsonPage(documentOf(client_id))(response), 100)
      }
      yield* Effect.gen(function* () {
        const answers = yield* Effect.all(
          Array.from({ length: 20 }, () => ask(client_id)),
          { concurrency: "unbounded" }
        )
        assert.isTrue(answers.every(({ status }) => status === 200))
        assert.strictEqual(web.asked.length, 1)
        yield* ask(web.url("/missing"))
        yield* ask(web.url("/missing"))
        assert.strictEqual(web.asked.length, 2)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("CM9 one origin cannot be made to be asked without end", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      yield* Effect.gen(function* () {
        for (let count = 0; count < 40; count++) {
          isRefused(yield* ask(web.url(`/none-${count}`), {}, `203.0.113.${count % 4}`))
        }
        assert.strictEqual(web.asked.length, 30)
      }).pipe(withApp(web.layer, BEHIND_PROXY))
    }).pipe(Effect.scoped)
  )

  it.live(
    "B4 an address that has us fetch too much is refused alone, and what it asked for is not thought missing",
    () =>
      Effect.gen(function* () {
        const web = yield* testWeb({})
        const client_id = web.url("/client.json")
        web.pages["/client.json"] = jsonPage(documentOf(client_id))
        yield* Effect.gen(function* () {
          for (let count = 0; count < 25; count++) isRefused(yield* ask(web.url(`/none-${count}`)))
          assert.strictEqual(web.asked.length, 20)
          isRefused(yield* ask(client_id))
          assert.strictEqual((yield* ask(client_id, {}, "203.0.113.2")).status, 200)
          // In the cache it costs nothing, so everybody has it.
          assert.strictEqual((yield* ask(client_id)).status, 200)
          assert.strictEqual(web.asked.length, 21)
        }).pipe(withApp(web.layer, BEHIND_PROXY))
      }).pipe(Effect.scoped)
  )

  it.live("B4 a document that somebody consented to is fetched whatever strangers have used up", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const [known, unknown] = [web.url("/known.json"), web.url("/unknown.json")]
      web.pages["/known.json"] = jsonPage(documentOf(known))
      web.pages["/unknown.json"] = jsonPage(documentOf(unknown))
      yield* Effect.gen(function* () {
        const registry = yield* ClientRegistry
        yield* registry.save({
          origin: "document",
          clientId: known,
          name: "A described app",
          redirectUris: ["http://127.0.0.1/callback"],
          grantTypes: ["authorization_code"],
          authMethods: ["none"],
          secret: undefined,
          keys: undefined,
          disabled: false
        })
        for (let count = 0; count < 40; count++) {
          isRefused(yield* ask(web.url(`/none-${count}`), {}, `203.0.113.${count % 4}`))
        }
        isRefused(yield* ask(unknown, {}, "203.0.113.9"))
        assert.strictEqual((yield* ask(known, {}, "203.0.113.9")).status, 200)
        // Even where it was asked for from an address that has nothing left.
        assert.strictEqual((yield* ask(known)).status, 200)
      }).pipe(withApp(web.layer, BEHIND_PROXY))
    }).pipe(Effect.scoped)
  )

  it.live("F20 a document is JSON however its type is written, and F18 what we never use of it does not sink it", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      yield* Effect.gen(function* () {
        for (const [index, type] of [
          "Application/JSON; Charset=UTF-8",
          "application/json;charset=utf-8",
          'application/json ; profile="https://x.example/a;b"',
          "application/vnd.client+json; v=1",
          "APPLICATION/JSON"
        ].entries()) {
          const path = `/type-${index}`
          const links = { client_uri: "http://localhost", tos_uri: "/terms", logo_uri: 7, contacts: "me", scope: [] }
          web.pages[path] = (response) =>
            response
              .writeHead(200, { "content-type": type })
              .end(`\ufeff${JSON.stringify(documentOf(web.url(path), links))}`)
          assert.strictEqual((yield* ask(web.url(path))).status, 200, type)
        }
        for (const type of ["text/html", "text/json", "application/jsonp", "application/json, text/html", ""]) {
          const path = `/other-${type.length}`
          web.pages[path] = jsonPage(documentOf(web.url(path)), { "content-type": type })
          isRefused(yield* ask(web.url(path)))
        }
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("B20 a document that Postgres could not keep, or that is no strict JSON, is not usable", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      yield* Effect.gen(function* () {
        const key = { kty: "EC", crv: "P-256", x: "A", y: "A" }
        for (const [path, over] of Object.entries({
          "/nul": { jwks: { keys: [{ ...key, kid: "\u0000" }] } },
          "/half": { jwks: { keys: [{ ...key, kid: "\ud800" }] } },
          "/deep": { deep: JSON.parse(`${"[".repeat(1000)}${"]".repeat(1000)}`) }
        })) {
          web.pages[path] = jsonPage(documentOf(web.url(path), over))
          isRefused(yield* ask(web.url(path)))
        }
        assert.strictEqual(web.asked.length, 3)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("CM9 one person's end of a session leaves the sessions of others with the same client", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const client_id = web.url("/client.json")
      web.pages["/client.json"] = jsonPage(documentOf(client_id))
      yield* Effect.gen(function* () {
        const flow = Effect.gen(function* () {
          const { body } = yield* exchange(yield* obtainCode({ client_id }), { client_id })
          return body
        })
        const one = yield* flow
        const other = yield* flow
        yield* revoke(one.refresh_token, { client_id })
        assert.isFalse(yield* admitted(one.access_token))
        assert.isTrue(yield* admitted(other.access_token))
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("a client that its operator disabled stays out, whatever its document says", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const client_id = web.url("/client.json")
      web.pages["/client.json"] = jsonPage(documentOf(client_id))
      yield* Effect.gen(function* () {
        const { sql } = yield* TestApp
        const form = formOf(yield* ask(client_id))
        assert.strictEqual((yield* decide(form, "approve")).status, 303)
        yield* sql`update mcp.oauth_clients set disabled_at = now() where client_id = ${client_id}`.pipe(Effect.orDie)
        isRefused(yield* ask(client_id))
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("documents can be switched off", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      yield* Effect.gen(function* () {
        isRefused(yield* ask(web.url("/client.json")))
        assert.strictEqual(web.asked.length, 0)
      }).pipe(withApp(web.layer, { CLIENT_ID_METADATA_DOCUMENTS: "false" }))
    }).pipe(Effect.scoped)
  )

  it.live("CM1 the vendors' documents stand in as copies when their servers cannot be reached, and say so", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      yield* Effect.gen(function* () {
        assert.lengthOf([...snapshots], 5)
        for (const [client_id, { date, document }] of snapshots) {
          const [redirect_uri = ""] = document.redirect_uris as ReadonlyArray<string>
          const page = yield* ask(client_id, { redirect_uri })
          assert.strictEqual(page.status, 200, client_id)
          assert.include(page.text, `A copy of ${date} is used`)
          const pkce = newPkce()
          const form = formOf(yield* getAuthorize(authorizeParameters(pkce.challenge, { client_id, redirect_uri })))
          const code = locationOf(yield* decide(form, "approve")).searchParams.get("code") ?? ""
          const { body } = yield* exchange({ code, verifier: pkce.verifier }, { client_id, redirect_uri })
          assert.isString(body.refresh_token, client_id)
        }
      }).pipe(withApp(web.layerOf(() => [])))
    }).pipe(Effect.scoped)
  )
})

/** A client with a key, its document served with the keys at `jwks_uri`. */
const signingClient = Effect.fn("signingClient")(function* (
  algorithm: "RS256" | "ES256",
  methods?: ReadonlyArray<string>
) {
  const web = yield* testWeb({})
  const client_id = web.url("/client.json")
  const newKey = Effect.fn("newKey")(function* (kid: string) {
    const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair(algorithm))
    return { kid, privateKey, jwk: { ...(yield* Effect.promise(() => exportJWK(publicKey))), kid, alg: algorithm } }
  })
  const key = yield* newKey("first")
  web.pages["/client.json"] = jsonPage(
    documentOf(client_id, {
      token_endpoint_auth_method: "private_key_jwt",
      ...(methods === undefined ? {} : { token_endpoint_auth_methods_supported: methods }),
      token_endpoint_auth_signing_alg: algorithm,
      jwks_uri: web.url("/jwks.json", "other.example")
    })
  )
  web.pages["/jwks.json"] = jsonPage({ keys: [key.jwk] })
  const sign = (claims: JWTPayload, by = key) =>
    Effect.promise(() =>
      new SignJWT({
        iss: client_id,
        sub: client_id,
        jti: randomUUID(),
        exp: Math.floor(Date.now() / 1000) + 60,
        ...claims
      })
        .setProtectedHeader({ alg: algorithm, kid: by.kid })
        .sign(by.privateKey)
    )
  return { web, client_id, key, newKey, sign }
})

const redeem = (
  code: { readonly code: string; readonly verifier: string },
  parameters: Readonly<Record<string, string>>
) =>
  postForm("/token", {
    grant_type: "authorization_code",
    code: code.code,
    code_verifier: code.verifier,
    redirect_uri: REDIRECT,
    ...parameters
  })

const asserted = (client_assertion: string) => ({ client_assertion_type: ASSERTION_TYPE, client_assertion })

describe("private_key_jwt", () => {
  for (const algorithm of ["RS256", "ES256"] as const) {
    it.live(`CM11 ${algorithm}: issuer and token endpoint are audiences; an assertion is good once`, () =>
      Effect.gen(function* () {
        const { web, client_id, sign } = yield* signingClient(algorithm)
        yield* Effect.gen(function* () {
          const { baseUrl } = yield* TestApp
          const code = yield* obtainCode({ client_id })
          const first = yield* sign({ aud: `${baseUrl}/token` })
          const tokens = yield* redeem(code, { client_id, ...asserted(first) })
          assert.strictEqual(tokens.status, 200, tokens.text)
          const again = yield* refresh(tokens.body.refresh_token, { client_id, ...asserted(first) })
          assert.strictEqual(again.status, 401)
          assert.strictEqual(again.body.error, "invalid_client")
          // Without client_id: the assertion says who it is (RFC 7521 §4.2). An array of one is one audience.
          const refreshed = yield* postForm("/token", {
            grant_type: "refresh_token",
            refresh_token: tokens.body.refresh_token,
            ...asserted(yield* sign({ aud: [baseUrl] }))
          })
          assert.strictEqual(refreshed.status, 200, refreshed.text)
          const gone = yield* postForm("/revoke", {
            token: refreshed.body.refresh_token,
            ...asserted(yield* sign({ aud: baseUrl }))
          })
          assert.strictEqual(gone.status, 200)
          assert.isFalse(yield* admitted(refreshed.body.access_token))
        }).pipe(withApp(web.layer))
      }).pipe(Effect.scoped)
    )
  }

  it.live("CM11 whatever is wrong with an assertion is 401 invalid_client, and the code stays good", () =>
    Effect.gen(function* () {
      const { web, client_id, sign, newKey } = yield* signingClient("ES256")
      yield* Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const code = yield* obtainCode({ client_id })
        const now = Math.floor(Date.now() / 1000)
        const aud = baseUrl
        const unsigned = (claims: JWTPayload, header: object) =>
          `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`
        const claims = { iss: client_id, sub: client_id, aud, jti: "x", exp: now + 60 }
        const hmac = yield* Effect.promise(() =>
          new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode("x".repeat(32)))
        )
        const wrong = {
          "another audience": yield* sign({ aud: "https://other.example" }),
          "two audiences": yield* sign({ aud: [baseUrl, "https://other.example"] }),
          "no audience": yield* sign({}),
          "a near audience": yield* sign({ aud: `${baseUrl}/` }),
          "another issuer": yield* sign({ aud, iss: "https://other.example/c" }),
          expired: yield* sign({ aud, exp: now - 120 }),
          "not yet": yield* sign({ aud, nbf: now + 600 }),
          "no end": yield* sign({ aud, exp: undefined as unknown as number }),
          "too long a life": yield* sign({ aud, exp: now + 86_400 }),
          "no jti": yield* sign({ aud, jti: undefined as unknown as string }),
          "alg none": unsigned(claims, { alg: "none" }),
          HS256: hmac,
          "a stranger's key": yield* sign({ aud }, yield* newKey("first")),
          "an unknown key": yield* sign({ aud }, yield* newKey("unheard")),
          "no JWT": "a.b.c",
          huge: "x".repeat(20_000)
        }
        for (const [what, assertion] of Object.entries(wrong)) {
          const answer = yield* redeem(code, { client_id, ...asserted(assertion) })
          assert.strictEqual(answer.status, 401, `${what}: ${answer.text}`)
          assert.strictEqual(answer.body.error, "invalid_client", what)
        }
        for (const [what, parameters] of Object.entries({
          "another type": { client_id, client_assertion: yield* sign({ aud }), client_assertion_type: "x" },
          "another client_id": { client_id: "demo", ...asserted(yield* sign({ aud })) },
          "two methods": { client_id, client_secret: "x", ...asserted(yield* sign({ aud })) }
        })) {
          assert.strictEqual((yield* redeem(code, parameters)).body.error, "invalid_request", what)
        }
        // Section 6.2: a client that published keys must use them.
        assert.strictEqual((yield* redeem(code, { client_id })).status, 401)
        assert.strictEqual((yield* redeem(code, { client_id, ...asserted(yield* sign({ aud })) })).status, 200)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("CM1 B9 a document that lists none as well may use either, as ChatGPT's does, but not the weaker later", () =>
    Effect.gen(function* () {
      const { web, client_id, sign } = yield* signingClient("RS256", ["none", "private_key_jwt"])
      yield* Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        assert.strictEqual((yield* redeem(yield* obtainCode({ client_id }), { client_id })).status, 200)
        const proof = asserted(yield* sign({ aud: baseUrl }))
        const proven = yield* redeem(yield* obtainCode({ client_id }), { client_id, ...proof })
        assert.strictEqual(proven.status, 200, proven.text)
        // B9: what began with a signature does not go on without.
        assert.strictEqual((yield* refresh(proven.body.refresh_token, { client_id })).body.error, "invalid_grant")
        const signed = asserted(yield* sign({ aud: baseUrl }))
        assert.strictEqual((yield* refresh(proven.body.refresh_token, { client_id, ...signed })).status, 200)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("a new key is found when the client rotates its keys, and the set is not fetched for every stranger", () =>
    Effect.gen(function* () {
      const { web, client_id, sign, newKey, key } = yield* signingClient("ES256")
      yield* Effect.gen(function* () {
        const { baseUrl: aud } = yield* TestApp
        const fetches = () => web.asked.filter(({ path }) => path === "/jwks.json").length
        const tokens = yield* redeem(yield* obtainCode({ client_id }), { client_id, ...asserted(yield* sign({ aud })) })
        assert.strictEqual(fetches(), 1)
        const next = yield* newKey("second")
        web.pages["/jwks.json"] = jsonPage({ keys: [next.jwk, key.jwk] })
        const rotated = yield* refresh(tokens.body.refresh_token, {
          client_id,
          ...asserted(yield* sign({ aud }, next))
        })
        assert.strictEqual(rotated.status, 200, rotated.text)
        assert.strictEqual(fetches(), 2)
        for (let count = 0; count < 5; count++) {
          const stranger = yield* newKey(`stranger-${count}`)
          const answer = yield* refresh(rotated.body.refresh_token, {
            client_id,
            ...asserted(yield* sign({ aud }, stranger))
          })
          assert.strictEqual(answer.status, 401)
        }
        assert.strictEqual(fetches(), 2)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("B8 whatever the types of what an assertion says, it is 401 invalid_client, and charged as a failure", () =>
    Effect.gen(function* () {
      const { web, client_id, sign, key } = yield* signingClient("ES256")
      const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
      // Types that the library's own do not allow.
      const odd = (claims: Readonly<Record<string, unknown>>) => sign(claims as JWTPayload)
      yield* Effect.gen(function* () {
        const { baseUrl: aud } = yield* TestApp
        const code = yield* obtainCode({ client_id })
        const wrong = [
          ...[5, null, true, ["x"], {}].flatMap((value) => [
            odd({ aud, jti: value }),
            odd({ aud, sub: value }),
            odd({ aud, iss: value }),
            odd({ aud: value })
          ]),
          ...["60", null, [], 1e300, -1e300].map((exp) => odd({ aud, exp })),
          odd({ aud: [aud, aud] }),
          odd({ aud: [] })
        ]
        const parts = (yield* sign({ aud })).split(".")
        const bodies = [[], [1], "x", 5, null, { sub: 5 }, { sub: "\u0000" }, { sub: ["x"] }]
        const headers = [{ alg: 5 }, [], null, { alg: "ES256", kid: 5 }, { alg: "ES256", crit: ["x"] }, { alg: {} }]
        const assertions = [
          ...(yield* Effect.all(wrong)),
          ...bodies.map((body) => [parts[0], encode(body), parts[2]].join(".")),
          ...headers.map((header) => [encode(header), parts[1], parts[2]].join(".")),
          "..",
          `${parts[0]}.${parts[1]}.`
        ]
        for (const assertion of assertions) {
          for (const parameters of [{ client_id }, {}]) {
            const answer = yield* redeem(code, { ...parameters, ...asserted(assertion) })
            const isRefusal = ["invalid_client", "invalid_request"].includes(answer.body?.error)
            assert.isTrue(isRefusal && answer.status < 500, `${assertion}: ${answer.status} ${answer.text}`)
          }
        }
        assert.strictEqual((yield* redeem(code, { client_id, ...asserted(yield* sign({ aud }, key)) })).status, 200)
      }).pipe(withApp(web.layer))
      yield* Effect.gen(function* () {
        const failing = () => postForm("/token", asserted(`${encode({ alg: "ES256" })}.${encode({ sub: 5 })}.x`))
        for (let count = 0; count < 3; count++) assert.strictEqual((yield* failing()).status, 401)
        assert.strictEqual((yield* failing()).status, 429)
      }).pipe(withApp(web.layer, { RATE_LIMIT_ENABLED: "true", RATE_LIMIT_FAILURES_PER_MINUTE: "3" }))
    }).pipe(Effect.scoped)
  )

  it.live("B8, F20 a key set is read for its good keys, whatever else is in it; a key without a name is found", () =>
    Effect.gen(function* () {
      const { web, client_id, sign, newKey } = yield* signingClient("ES256")
      const [first, second] = [yield* newKey("one"), yield* newKey("two")]
      const nameless = ({ jwk }: typeof first) => ({ ...jwk, kid: undefined })
      const odd = [null, 5, "x", [], {}, { kty: 5 }, { ...first.jwk, kid: 5 }, { kty: "OKP", crv: "Ed25519", x: "A" }]
      web.pages["/jwks.json"] = jsonPage(
        { keys: [...odd, nameless(first), nameless(second), { ...second.jwk, key_ops: 5 }] },
        { "content-type": "Application/JWK-Set+JSON; charset=utf-8" }
      )
      yield* Effect.gen(function* () {
        const { baseUrl: aud } = yield* TestApp
        for (const key of [first, second]) {
          const proof = asserted(yield* sign({ aud }, { ...key, kid: undefined as unknown as string }))
          const answer = yield* redeem(yield* obtainCode({ client_id }), { client_id, ...proof })
          assert.strictEqual(answer.status, 200, answer.text)
        }
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("a client whose keys cannot be fetched is told to come again, not that it is invalid", () =>
    Effect.gen(function* () {
      const { web, client_id, sign } = yield* signingClient("ES256")
      delete web.pages["/jwks.json"]
      yield* Effect.gen(function* () {
        const { baseUrl: aud } = yield* TestApp
        const proof = asserted(yield* sign({ aud }))
        const answer = yield* redeem(yield* obtainCode({ client_id }), { client_id, ...proof })
        assert.strictEqual(answer.status, 503, answer.text)
        assert.strictEqual(answer.body.error, "temporarily_unavailable")
        assert.isNotNull(answer.headers.get("retry-after"))
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("B4 keys of clients that registered by themselves are fetched within what their address may have", () =>
    Effect.gen(function* () {
      const { web, sign } = yield* signingClient("ES256")
      yield* Effect.gen(function* () {
        const { baseUrl: aud } = yield* TestApp
        for (let count = 0; count < 25; count++) {
          const { body } = yield* request("/register", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({
              redirect_uris: [REDIRECT],
              token_endpoint_auth_method: "private_key_jwt",
              jwks_uri: web.url(`/jwks-${count}.json`)
            })
          })
          const assertion = yield* sign({ aud, iss: body.client_id, sub: body.client_id })
          assert.strictEqual((yield* postForm("/token", asserted(assertion))).status, 503)
        }
        assert.strictEqual(web.asked.length, 20)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )
})
