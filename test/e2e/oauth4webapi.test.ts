import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as oauth from "oauth4webapi"
import { TestApp, testApp } from "../support/app.ts"
import { admitted, formOf, locationOf, REDIRECT_URI } from "../support/client.ts"
import { allow } from "../support/consent.ts"
import { browserOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const insecure = { [oauth.allowInsecureRequests]: true }
const run = <A>(evaluate: () => Promise<A>) => Effect.promise(evaluate)

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })("oauth4webapi", (it) => {
  it.effect("discovers, authorizes, exchanges, calls, refreshes and revokes, checking every answer", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const resource = new URL(`${baseUrl}/mcp`)
      const metadata = yield* run(async () =>
        oauth.processResourceDiscoveryResponse(resource, await oauth.resourceDiscoveryRequest(resource, insecure))
      )
      const issuer = new URL(metadata.authorization_servers?.[0] ?? "")
      const as = yield* run(async () =>
        oauth.processDiscoveryResponse(
          issuer,
          await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure })
        )
      )
      const client: oauth.Client = { client_id: "demo" }
      const verifier = oauth.generateRandomCodeVerifier()
      const state = oauth.generateRandomState()
      const authorizationUrl = new URL(as.authorization_endpoint ?? "")
      authorizationUrl.search = new URLSearchParams({
        client_id: client.client_id,
        redirect_uri: REDIRECT_URI,
        response_type: "code",
        scope: "mcp.tools.call offline_access",
        code_challenge: yield* run(() => oauth.calculatePKCECodeChallenge(verifier)),
        code_challenge_method: "S256",
        resource: resource.href,
        state
      }).toString()

      const callback = oauth.validateAuthResponse(as, client, yield* allow(authorizationUrl), state)
      const tokens = yield* run(async () =>
        oauth.processAuthorizationCodeResponse(
          as,
          client,
          await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), callback, REDIRECT_URI, verifier, {
            additionalParameters: { resource: resource.href },
            ...insecure
          })
        )
      )
      assert.strictEqual(tokens.token_type, "bearer")
      assert.strictEqual(tokens.scope, "mcp.tools.call offline_access")
      const answer = yield* run(() =>
        oauth.protectedResourceRequest(
          tokens.access_token,
          "POST",
          resource,
          new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream" }),
          JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
          insecure
        )
      )
      assert.strictEqual(answer.status, 200)

      const refreshed = yield* run(async () =>
        oauth.processRefreshTokenResponse(
          as,
          client,
          await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token ?? "", insecure)
        )
      )
      assert.notStrictEqual(refreshed.refresh_token, tokens.refresh_token)
      assert.isTrue(yield* admitted(refreshed.access_token))
      yield* run(async () =>
        oauth.processRevocationResponse(
          await oauth.revocationRequest(as, client, oauth.None(), refreshed.refresh_token ?? "", insecure)
        )
      )
      assert.isFalse(yield* admitted(refreshed.access_token))
      assert.isFalse(yield* admitted(tokens.access_token))
    })
  )

  it.effect("understands our challenge and our errors", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const refused = yield* run(() =>
        oauth.protectedResourceRequest("unknown", "POST", new URL(`${baseUrl}/mcp`), undefined, "{}", insecure).then(
          () => undefined,
          (error) => error
        )
      )
      assert.instanceOf(refused, oauth.WWWAuthenticateChallengeError)
      assert.strictEqual(refused.cause[0]?.scheme, "bearer")
      assert.strictEqual(refused.cause[0]?.parameters.error, "invalid_token")
      const as = { issuer: baseUrl, token_endpoint: `${baseUrl}/token` }
      const failed = yield* run(async () =>
        oauth
          .processRefreshTokenResponse(
            as,
            { client_id: "demo" },
            await oauth.refreshTokenGrantRequest(as, { client_id: "demo" }, oauth.None(), "unknown", insecure)
          )
          .then(
            () => undefined,
            (error) => error
          )
      )
      assert.instanceOf(failed, oauth.ResponseBodyError)
      assert.strictEqual(failed.error, "invalid_grant")
      assert.strictEqual(failed.status, 400)
    })
  )
})

describe("oauth4webapi as an OpenID client", () => {
  it.live(
    "OIDC Core 3.1.3.7 a person signs in: the ID token, its signature and UserInfo pass every check",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const ada = yield* somebody("Ada")
        const { cookie } = yield* browserOf(ada.id)
        const issuer = new URL(baseUrl)
        const as = yield* run(async () =>
          oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
        )
        const client: oauth.Client = { client_id: "demo", default_max_age: 600 }
        const [verifier, state, nonce] = [
          oauth.generateRandomCodeVerifier(),
          oauth.generateRandomState(),
          oauth.generateRandomNonce()
        ]
        const query = new URLSearchParams({
          client_id: client.client_id,
          redirect_uri: REDIRECT_URI,
          response_type: "code",
          scope: "openid profile email",
          code_challenge: yield* run(() => oauth.calculatePKCECodeChallenge(verifier)),
          code_challenge_method: "S256",
          max_age: String(client.default_max_age),
          state,
          nonce
        })
        const { transaction, csrf_token } = formOf(yield* visitPage(`${as.authorization_endpoint}?${query}`, cookie))
        const ticks = { "scope:profile": "on", "scope:email": "on" }
        const answer = yield* postPage(
          "/authorize/decision",
          { cookie, csrf_token },
          { transaction, decision: "approve", ...ticks }
        )
        const callback = oauth.validateAuthResponse(as, client, locationOf(answer), state)
        const { claims, info } = yield* run(async () => {
          const response = await oauth.authorizationCodeGrantRequest(
            as,
            client,
            oauth.None(),
            callback,
            REDIRECT_URI,
            verifier,
            insecure
          )
          const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
            expectedNonce: nonce,
            requireIdToken: true
          })
          await oauth.validateApplicationLevelSignature(as, response, insecure)
          const claims = oauth.getValidatedIdTokenClaims(tokens)
          const told = await oauth.userInfoRequest(as, client, tokens.access_token, insecure)
          return { claims, info: await oauth.processUserInfoResponse(as, client, claims?.sub ?? "", told) }
        })
        assert.strictEqual(claims?.sub, ada.id)
        assert.strictEqual(claims?.nonce, nonce)
        assert.isNumber(claims?.auth_time)
        assert.deepStrictEqual(
          { ...info },
          { sub: ada.id, name: "Ada", email: "ada@people.example", email_verified: true }
        )
      }).pipe(Effect.provide(Layer.fresh(testApp(TestDatabase.quick)))),
    { timeout: 60_000 }
  )
})
