import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import * as ClientSecret from "../../src/oauth/clients/secret.ts"
import { snapshots } from "../../src/oauth/clients/snapshots.ts"
import { messageOf } from "../support/client.ts"
import {
  type Discovered,
  discover,
  link,
  refreshed,
  registerAt,
  send,
  serverFor,
  type Tokens,
  useTools
} from "./profile.ts"

const DOCUMENT = "https://chatgpt.com/oauth/client.json"
const JWKS = "https://chatgpt.com/oauth/jwks.json"
const REDIRECT = "https://chatgpt.com/connector_platform_oauth_redirect"
const document = snapshots.get(DOCUMENT)?.document

const DISCOVERY = { challenge: true, server: ["/.well-known/oauth-authorization-server"] }
/** ChatGPT asks for the scopes of the challenge, and to stay. */
const scopesOf = ({ challengeScope }: Discovered) => `${challengeScope} offline_access`
const META = { "openai/locale": "en-US", "openai/userAgent": "ChatGPT" }

/** What ChatGPT demands of a server before it uses its stable identity. */
const allowsStableDocument = ({ server }: Discovered) => {
  assert.isTrue(server.client_id_metadata_document_supported)
  assert.isTrue(server.authorization_response_iss_parameter_supported)
  assert.includeMembers([...server.token_endpoint_auth_methods_supported], ["none", "private_key_jwt"])
}

/** Submission rules for tools, and what deep research needs. */
const acceptsTools = (tools: ReadonlyArray<Record<string, unknown>>) => {
  for (const tool of tools) {
    const annotations = tool.annotations as Record<string, unknown>
    for (const hint of ["readOnlyHint", "destructiveHint", "openWorldHint"]) assert.isBoolean(annotations[hint])
    assert.isString(tool.title)
    assert.isObject(tool.outputSchema)
    assert.isArray(tool.securitySchemes)
  }
  assert.includeMembers(
    tools.map(({ name }) => name),
    ["search", "fetch"]
  )
}

const callFetch = (tokens: Tokens) =>
  Effect.map(
    send(
      "tools/call",
      { name: "fetch", arguments: { id: "https://page.example/" }, _meta: META },
      { token: tokens.access_token, version: "2025-11-25" }
    ),
    (answer) => messageOf(answer).result
  )

describe("ChatGPT", () => {
  it.live("with its document and private_key_jwt: links, uses tools, steps up in band, refreshes", () =>
    Effect.gen(function* () {
      const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("RS256"))
      const jwk = { ...(yield* Effect.promise(() => exportJWK(publicKey))), kid: "k1", alg: "RS256", use: "sig" }
      yield* Effect.gen(function* () {
        const discovered = yield* discover("openai-mcp", DISCOVERY)
        allowsStableDocument(discovered)
        const identity = {
          client_id: DOCUMENT,
          redirect_uri: REDIRECT,
          authenticate: (audience: string) =>
            Effect.promise(() =>
              new SignJWT({ iss: DOCUMENT, sub: DOCUMENT, aud: audience, jti: randomUUID() })
                .setProtectedHeader({ alg: "RS256", kid: "k1", typ: "JWT" })
                .setIssuedAt()
                .setExpirationTime("5m")
                .sign(privateKey)
            ).pipe(
              Effect.map((client_assertion) => ({
                parameters: {
                  client_assertion,
                  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                }
              }))
            )
        }
        // The challenge asks for all that the tools need; this person allowed less at first.
        assert.strictEqual(discovered.challengeScope, "mcp.tools.call mcp.web.read")
        const less = { scope: "mcp.tools.call offline_access", resource: discovered.url }
        const tokens = yield* link(discovered, identity, less)
        acceptsTools(yield* useTools("openai-mcp", tokens))

        // A tool that needs more says so in its result; ChatGPT then asks its user for exactly that.
        const denied = yield* callFetch(tokens)
        assert.isTrue(denied.isError)
        const [challenge = ""] = denied._meta["mcp/www_authenticate"]
        const scope = `${/scope="([^"]*)"/.exec(challenge)?.[1]} offline_access`
        const more = yield* link(discovered, identity, { scope, resource: discovered.url })
        assert.strictEqual(more.scope, "mcp.tools.call mcp.web.read offline_access")
        assert.match((yield* callFetch(more)).content[0].text, /could not be fetched/)

        const next = yield* refreshed(discovered, identity, more)
        assert.strictEqual(next.scope, more.scope)
        yield* useTools("openai-mcp", next)
      }).pipe(Effect.provide(serverFor({ [DOCUMENT]: document, [JWKS]: { keys: [jwk] } })))
    })
  )

  it.live("with a document of one connector and no authentication", () =>
    Effect.gen(function* () {
      const client_id = "https://chatgpt.com/oauth/abc123XYZ_-/client.json"
      const redirect_uri = "https://chatgpt.com/connector/oauth/abc123XYZ_-"
      yield* Effect.gen(function* () {
        const discovered = yield* discover("openai-mcp", DISCOVERY)
        const identity = { client_id, redirect_uri }
        const tokens = yield* link(discovered, identity, { scope: scopesOf(discovered), resource: discovered.url })
        acceptsTools(yield* useTools("openai-mcp", yield* refreshed(discovered, identity, tokens)))
      }).pipe(Effect.provide(serverFor({ [client_id]: { ...document, client_id, redirect_uris: [redirect_uri] } })))
    })
  )

  it.live("when its document cannot be fetched: the copy stands in, and the link succeeds", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("openai-mcp", DISCOVERY)
      const identity = { client_id: DOCUMENT, redirect_uri: REDIRECT }
      const tokens = yield* link(discovered, identity, { scope: scopesOf(discovered), resource: discovered.url })
      yield* useTools("openai-mcp", tokens)
    }).pipe(Effect.provide(serverFor()))
  )

  it.live("by dynamic registration, once per connector, where documents are not served", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("openai-mcp", DISCOVERY)
      assert.isFalse(discovered.server.client_id_metadata_document_supported)
      const redirect_uri = "https://chatgpt.com/connector/oauth/abc123"
      const { client_id } = yield* registerAt(discovered, {
        client_name: "ChatGPT",
        redirect_uris: [redirect_uri],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none"
      })
      const identity = { client_id, redirect_uri }
      const tokens = yield* link(discovered, identity, { scope: scopesOf(discovered), resource: discovered.url })
      yield* useTools("openai-mcp", yield* refreshed(discovered, identity, tokens))
    }).pipe(Effect.provide(serverFor({}, { CLIENT_ID_METADATA_DOCUMENTS: "false" })))
  )

  for (const method of ["client_secret_basic", "client_secret_post"] as const) {
    it.live(`as a predefined client with ${method}`, () =>
      Effect.gen(function* () {
        const secret = ClientSecret.generate()
        yield* (yield* ClientRegistry).save({
          clientId: "chatgpt",
          origin: "configured",
          name: "ChatGPT",
          redirectUris: [REDIRECT],
          grantTypes: ["authorization_code", "refresh_token"],
          authMethods: ["client_secret_basic", "client_secret_post"],
          secret: yield* ClientSecret.hash(secret),
          keys: undefined,
          disabled: false
        })
        const proof =
          method === "client_secret_post"
            ? { parameters: { client_secret: Redacted.value(secret) } }
            : { headers: { authorization: `Basic ${btoa(`chatgpt:${encodeURIComponent(Redacted.value(secret))}`)}` } }
        const discovered = yield* discover("openai-mcp", DISCOVERY)
        const identity = { client_id: "chatgpt", redirect_uri: REDIRECT, authenticate: () => Effect.succeed(proof) }
        const tokens = yield* link(discovered, identity, { scope: scopesOf(discovered), resource: discovered.url })
        yield* useTools("openai-mcp", yield* refreshed(discovered, identity, tokens))
      }).pipe(Effect.provide(serverFor()))
    )
  }
})
