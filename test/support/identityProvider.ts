/** Upstream OpenID providers: a real one that signs in whomever the test says, and one that answers as the test says. */

import { createServer, type RequestListener } from "node:http"
import { Effect } from "effect"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import Provider, { interactionPolicy } from "oidc-provider"
import { freePort, TestApp } from "./app.ts"
import { type Answer, locationOf, request } from "./client.ts"
import { cookieOf } from "./people.ts"
import { type Answering, answerJson, upstream } from "./upstream.ts"

export const CLIENT = { id: "gatehouse", secret: "upstream-secret-canary-0123456789" }

/** The variables of a provider with this name and issuer. */
export const providerVariables = (name: string, issuer: string, over: Readonly<Record<string, string>> = {}) => {
  const values = { ISSUER: issuer, CLIENT_ID: CLIENT.id, CLIENT_SECRET: CLIENT.secret, LABEL: `${name}!`, ...over }
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`OIDC_${name.toUpperCase()}_${key}`, value]))
}

const listening = (port: number, listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(listener)
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )

type Claims = Readonly<Record<string, unknown>>

/** A certified provider. `person` is who signs in next; with `inToken` the ID token tells it all, otherwise userinfo does. */
export const identityProvider = Effect.fn("test.identityProvider")(function* (inToken = false) {
  const port = yield* freePort
  const issuer = `http://127.0.0.1:${port}`
  const state = { person: { sub: "nobody" } as Claims & { readonly sub: string }, asked: [] as Array<string> }
  // Whoever signs in has agreed; a native client would be asked each time.
  const policy = interactionPolicy.base()
  policy.remove("consent")
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        // Any port of this machine (RFC 8252 §7.3): the server under test finds its own.
        application_type: "native",
        redirect_uris: ["http://localhost/login/corp/callback"],
        grant_types: ["authorization_code"],
        response_types: ["code"]
      }
    ],
    claims: { email: ["email", "email_verified"], profile: ["name"], openid: ["sub", "groups"] },
    conformIdTokenClaims: !inToken,
    cookies: { keys: ["a key of the test"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}`, policy },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...state.person, sub: id }) }),
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({ clientId: CLIENT.id, accountId: oidc.session?.accountId ?? "" })
      grant.addOIDCScope("openid profile email")
      await grant.save()
      return grant
    }
  })
  const callback = provider.callback()
  yield* listening(port, (incoming, response) => {
    state.asked.push(incoming.url ?? "")
    if (!incoming.url?.startsWith("/interaction/")) return callback(incoming, response)
    return provider.interactionFinished(incoming, response, { login: { accountId: state.person.sub } })
  })
  /** What its browser does: follows from page to page, with its cookies, until it is sent away. */
  const walk = Effect.fnUntraced(function* (from: URL) {
    const cookies = new Map<string, string>()
    let location = from
    for (let steps = 0; location.origin === issuer; steps++) {
      if (steps === 10) return yield* Effect.die(new Error(`around in a circle: ${location}`))
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ")
      const answer = yield* request(location.href, { headers: { cookie } })
      for (const pair of cookieOf(answer).split("; ")) {
        const [name = "", value = ""] = pair.split(/=(.*)/)
        cookies.set(name, value)
      }
      if (answer.headers.get("location") === null) return yield* Effect.die(new Error(`stuck: ${answer.text}`))
      location = new URL(answer.headers.get("location") ?? "", location)
    }
    return location
  })
  return { issuer, state, walk }
})

/** A sign-in that was begun: where the browser was sent, and the cookies that it comes back with. */
export const beginAt = Effect.fn("test.beginAt")(function* (path: string, cookie = "") {
  const answer = yield* request(path, { headers: { cookie } })
  return begunBy(answer, cookie)
})

export const begunBy = (answer: Answer, cookie = "") => ({
  answer,
  location: locationOf(answer),
  cookie: [cookie, cookieOf(answer)].filter((one) => one !== "").join("; ")
})

/** What a provider sends back by the browser. */
export const comeBack = Effect.fn("test.comeBack")(function* (
  { location, cookie }: { readonly location: URL; readonly cookie: string },
  over: Readonly<Record<string, string | undefined>> = {},
  name = "corp"
) {
  const query = { code: "a-code-canary", state: location.searchParams.get("state") ?? "", ...over }
  const pairs = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
  return yield* request(`/login/${name}/callback?${new URLSearchParams(pairs)}`, { headers: { cookie } })
})

/**
 * A provider without manners: it keeps to the protocol but for what the test sets, in `metadata` (merged), `claims` and
 * `header` of the ID token, or in whole answers by path.
 */
export const hostileProvider = Effect.fn("test.hostileProvider")(function* () {
  const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("RS256"))
  const jwk = yield* Effect.promise(() => exportJWK(publicKey))
  const state = {
    metadata: {} as Claims,
    claims: {} as Claims,
    userinfo: {} as Claims,
    answers: {} as Readonly<Record<string, Answering>>,
    /** In place of the signed token. */
    token: undefined as ((claims: Claims) => string) | undefined
  }
  const jwks = { keys: [{ ...jwk, kid: "1", alg: "RS256", use: "sig" }] }
  const tokens = async (issuer: string) => {
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: issuer, aud: CLIENT.id, sub: "mallory", iat: now, exp: now + 300, ...state.claims }
    const signing = new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "1" })
    const id_token = state.token === undefined ? await signing.sign(privateKey) : state.token(claims)
    return { access_token: "an-access-token-canary", token_type: "Bearer", id_token }
  }
  const metadataOf = (issuer: string) => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    id_token_signing_alg_values_supported: ["RS256"],
    ...state.metadata
  })
  const answering: Answering = async (asked, response) => {
    const path = asked.url.pathname
    const issuer = `http://${asked.headers.host}`
    const inStead = state.answers[path]
    if (inStead !== undefined) inStead(asked, response)
    else if (path === "/.well-known/openid-configuration") answerJson(metadataOf(issuer))(asked, response)
    else if (path === "/jwks") answerJson(jwks)(asked, response)
    else if (path === "/userinfo") answerJson(state.userinfo)(asked, response)
    else answerJson(await tokens(issuer))(asked, response)
  }
  const stub = yield* upstream(answering)
  const reset = () => {
    Object.assign(state, { metadata: {}, claims: {}, userinfo: {}, answers: {}, token: undefined })
  }
  return { issuer: stub.url, asked: stub.asked, state, reset }
})

/** The rows of what may not have changed. */
export const countOf = Effect.fn("test.countOf")(function* (
  table: "people" | "identities" | "browser_sessions" | "links"
) {
  const { sql } = yield* TestApp
  const [row] = yield* sql<{ count: number }>`select count(*)::int as count from ${sql(`mcp.${table}`)}`.pipe(
    Effect.orDie
  )
  return row?.count
})
