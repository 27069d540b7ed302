import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as oauth from "oauth4webapi"
import { TestApp, testApp } from "../support/app.ts"
import { admitted, REDIRECT_URI } from "../support/client.ts"
import { allow } from "../support/consent.ts"
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
