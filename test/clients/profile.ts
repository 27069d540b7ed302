/** A client as its vendor built it, replayed step by step over HTTP; every answer is judged as that client judges it. */

import { randomUUID } from "node:crypto"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PublicWeb, Unreachable } from "../../src/net/PublicWeb.ts"
import { TestApp, testApp } from "../support/app.ts"
import {
  type Answer,
  authorizeParameters,
  decide,
  formOf,
  getAuthorize,
  locationOf,
  messageOf,
  newPkce,
  request
} from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

/** The public web, as far as vendors publish on it. */
export const webOf = (documents: Readonly<Record<string, unknown>>) =>
  Layer.succeed(PublicWeb, {
    get: ({ url }) => {
      const document = documents[url]
      return document === undefined
        ? Effect.fail(new Unreachable({ reason: "not in this test" }))
        : Effect.succeed({
            status: 200,
            headers: { "content-type": "application/json" },
            body: Buffer.from(JSON.stringify(document))
          })
    }
  })

export const serverFor = (
  documents: Readonly<Record<string, unknown>> = {},
  variables: Readonly<Record<string, string>> = {}
) => testApp(TestDatabase.quick, variables, webOf(documents))

/** What discovery found. */
export interface Discovered {
  readonly url: string
  readonly challengeScope: string | undefined
  readonly resource: {
    readonly resource: string
    readonly authorization_servers: ReadonlyArray<string>
    readonly scopes_supported: ReadonlyArray<string>
  }
  readonly server: {
    readonly issuer: string
    readonly authorization_endpoint: string
    readonly token_endpoint: string
    readonly registration_endpoint?: string
    readonly scopes_supported: ReadonlyArray<string>
    readonly code_challenge_methods_supported: ReadonlyArray<string>
    readonly token_endpoint_auth_methods_supported: ReadonlyArray<string>
    readonly authorization_response_iss_parameter_supported: boolean
    readonly client_id_metadata_document_supported: boolean
  }
}

const parameterOf = (header: string | null, name: string) => new RegExp(`${name}="([^"]*)"`).exec(header ?? "")?.[1]

/** An MCP message on the 2025 wire, as most clients still send it. */
export const send = (
  method: string,
  params: unknown,
  options: { readonly token?: string; readonly origin?: string; readonly version?: string } = {}
) =>
  request("/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(options.version === undefined ? {} : { "mcp-protocol-version": options.version }),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.origin === undefined ? {} : { origin: options.origin })
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
  })

const initializeParams = (name: string, protocolVersion: string) => ({
  protocolVersion,
  capabilities: {},
  clientInfo: { name, version: "1" }
})

/** The same on the 2026-07-28 wire: every message says who sends it, and the headers repeat what is asked. */
export const sendAlone = (name: string, method: string, params: { readonly name?: string }, token?: string) =>
  request("/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(params.name === undefined ? {} : { "mcp-name": params.name }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: `${method}-1`,
      method,
      params: {
        ...params,
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name, version: "1" },
          "io.modelcontextprotocol/clientCapabilities": { roots: { listChanged: true }, elicitation: { form: {} } },
          progressToken: 2
        }
      }
    })
  })

/** Where a client looks for the documents, in its order; the first that is there is taken, as the client takes it. */
export interface Discovery {
  /** Follows `resource_metadata` of the challenge; clients of 2025-03-26 do not know it. */
  readonly challenge?: boolean
  readonly resource?: ReadonlyArray<string>
  readonly server: ReadonlyArray<string>
  readonly origin?: string
  /** What it sends to be turned away, if not `initialize`. */
  readonly probe?: Effect.Effect<Answer, never, TestApp>
}

const firstFound = Effect.fnUntraced(function* (paths: ReadonlyArray<string>, origin?: string) {
  for (const path of paths) {
    const answer = yield* request(
      path,
      origin === undefined ? {} : { headers: { origin, "mcp-protocol-version": "2025-11-25" } }
    )
    if (answer.status === 200) return answer.body
  }
  return assert.fail(`none of ${paths.join(", ")} was found`)
})

/** The bare URL, turned away, and everything that follows from it. */
export const discover = Effect.fn("discover")(function* (name: string, discovery: Discovery) {
  const { baseUrl } = yield* TestApp
  const url = `${baseUrl}/mcp`
  const refused = yield* discovery.probe ??
    send("initialize", initializeParams(name, "2025-11-25"), {
      ...(discovery.origin === undefined ? {} : { origin: discovery.origin })
    })
  assert.strictEqual(refused.status, 401)
  const challenge = refused.headers.get("www-authenticate")
  const metadata = parameterOf(challenge, "resource_metadata")
  assert.isString(metadata)
  const resource = yield* firstFound(
    discovery.challenge ? [new URL(metadata ?? "").pathname] : (discovery.resource ?? []),
    discovery.origin
  )
  // Claude compares with the URL as it was typed, ChatGPT sends it back verbatim.
  assert.strictEqual(resource.resource, url)
  assert.deepStrictEqual(resource.authorization_servers, [baseUrl])
  const server = yield* firstFound(discovery.server, discovery.origin)
  assert.strictEqual(server.issuer, resource.authorization_servers[0])
  assert.include(server.code_challenge_methods_supported, "S256")
  return { url, challengeScope: parameterOf(challenge, "scope"), resource, server } as Discovered
})

export const registerAt = Effect.fn("registerAt")(function* (
  { server }: Discovered,
  metadata: Readonly<Record<string, unknown>>,
  origin?: string
) {
  const answer = yield* request(new URL(server.registration_endpoint ?? "missing:").pathname, {
    method: "POST",
    headers: { "content-type": "application/json", ...(origin === undefined ? {} : { origin }) },
    body: JSON.stringify(metadata)
  })
  assert.strictEqual(answer.status, 201, answer.text)
  return answer.body as {
    readonly client_id: string
    readonly client_secret?: string
    readonly redirect_uris: ReadonlyArray<string>
  }
})

export interface Identity {
  readonly client_id: string
  readonly redirect_uri: string
  /** At a refresh it names all that it was given. */
  readonly namesScopes?: boolean
  /** What proves the client at the token endpoint. */
  readonly authenticate?: (tokenEndpoint: string) => Effect.Effect<{
    readonly parameters?: Readonly<Record<string, string>>
    readonly headers?: Readonly<Record<string, string>>
  }>
}

const token = Effect.fnUntraced(function* (
  { server }: Discovered,
  identity: Identity,
  parameters: Readonly<Record<string, string>>,
  origin?: string
) {
  const proof = (yield* identity.authenticate?.(server.token_endpoint) ?? Effect.succeed({})) as {
    readonly parameters?: Readonly<Record<string, string>>
    readonly headers?: Readonly<Record<string, string>>
  }
  return yield* request(new URL(server.token_endpoint).pathname, {
    method: "POST",
    headers: { ...proof.headers, ...(origin === undefined ? {} : { origin }) },
    body: new URLSearchParams({
      ...(proof.headers === undefined ? { client_id: identity.client_id } : {}),
      ...proof.parameters,
      ...parameters
    })
  })
})

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
  readonly scope: string
}

const tokensOf = (answer: Answer): Tokens => {
  assert.strictEqual(answer.status, 200, answer.text)
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  assert.strictEqual(answer.body.token_type, "Bearer")
  assert.isNumber(answer.body.expires_in)
  assert.isString(answer.body.refresh_token)
  return answer.body
}

/** Authorization code with PKCE, through the consent page. `resource` is sent unless the client is too old to know it. */
export const link = Effect.fn("link")(function* (
  discovered: Discovered,
  identity: Identity,
  options: {
    readonly scope?: string | undefined
    readonly resource?: string | undefined
    readonly prompt?: string
    readonly origin?: string
  }
) {
  const pkce = newPkce()
  const state = randomUUID()
  const { client_id, redirect_uri } = identity
  const page = yield* getAuthorize(
    authorizeParameters(pkce.challenge, {
      client_id,
      redirect_uri,
      state,
      scope: options.scope,
      resource: options.resource,
      prompt: options.prompt
    })
  )
  assert.strictEqual(page.status, 200, page.text)
  const callback = locationOf(yield* decide(formOf(page), "approve"))
  assert.isTrue(callback.href.startsWith(redirect_uri), callback.href)
  assert.strictEqual(callback.searchParams.get("state"), state)
  // RFC 9207: byte for byte, or Codex, the SDKs and ChatGPT stop here.
  assert.strictEqual(callback.searchParams.get("iss"), discovered.server.issuer)
  const answer = yield* token(
    discovered,
    identity,
    {
      grant_type: "authorization_code",
      code: callback.searchParams.get("code") ?? "",
      code_verifier: pkce.verifier,
      redirect_uri,
      ...(options.resource === undefined ? {} : { resource: options.resource })
    },
    options.origin
  )
  return tokensOf(answer)
})

/** The answer of the token endpoint to a refresh, whatever it is. */
export const tryRefresh = (discovered: Discovered, identity: Identity, tokens: Tokens, origin?: string) =>
  token(
    discovered,
    identity,
    {
      grant_type: "refresh_token",
      refresh_token: tokens.refresh_token,
      resource: discovered.url,
      ...(identity.namesScopes ? { scope: tokens.scope } : {})
    },
    origin
  )

export const refreshed = (discovered: Discovered, identity: Identity, tokens: Tokens, origin?: string) =>
  Effect.map(tryRefresh(discovered, identity, tokens, origin), tokensOf)

/** Initializes, lists and calls, as a client of `version` does. Answers the tools. */
export const useTools = Effect.fn("useTools")(function* (name: string, tokens: Tokens, version = "2025-11-25") {
  const options = { token: tokens.access_token }
  const hello = messageOf(yield* send("initialize", initializeParams(name, version), options)).result
  assert.strictEqual(hello.protocolVersion, version)
  const told = yield* send("notifications/initialized", {}, { ...options, version })
  assert.include([200, 202], told.status)
  // The SDKs ask for a stream then, and take 405, and nothing else, for a server that has none.
  const stream = yield* request("/mcp", {
    headers: { accept: "text/event-stream", authorization: `Bearer ${tokens.access_token}` }
  })
  assert.strictEqual(stream.status, 405)
  const { tools } = messageOf(yield* send("tools/list", {}, { ...options, version })).result
  const sum = messageOf(
    yield* send("tools/call", { name: "calculator", arguments: { expression: "0.1 + 0.2" } }, { ...options, version })
  ).result
  assert.deepStrictEqual(sum.structuredContent, { expression: "0.1 + 0.2", result: "0.3" })
  return tools as ReadonlyArray<Record<string, unknown>>
})

/** The same as Claude Code does it since it speaks 2026-07-28: no hello, and `server/discover` first. */
export const useToolsAlone = Effect.fn("useToolsAlone")(function* (name: string, tokens: Tokens) {
  const ask = (method: string, params: { readonly name?: string; readonly arguments?: unknown } = {}) =>
    Effect.map(sendAlone(name, method, params, tokens.access_token), (answer) => messageOf(answer).result)
  assert.include((yield* ask("server/discover")).supportedVersions, "2026-07-28")
  const { tools } = yield* ask("tools/list")
  const sum = yield* ask("tools/call", { name: "calculator", arguments: { expression: "0.1 + 0.2" } })
  assert.deepStrictEqual(sum.structuredContent, { expression: "0.1 + 0.2", result: "0.3" })
  return tools as ReadonlyArray<Record<string, unknown>>
})
