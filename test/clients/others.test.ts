import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { snapshots } from "../../src/oauth/clients/snapshots.ts"
import { freePort, TestApp } from "../support/app.ts"
import { authorizeParameters, getAuthorize, messageOf, newPkce, request } from "../support/client.ts"
import {
  type Discovered,
  discover,
  link,
  refreshed,
  registerAt,
  send,
  sendAlone,
  serverFor,
  tryRefresh,
  useTools,
  useToolsAlone
} from "./profile.ts"

const documentsOf = (...ids: ReadonlyArray<string>) =>
  Object.fromEntries(ids.map((id) => [id, snapshots.get(id)?.document]))

const OAUTH_FIRST = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
const VARIANTS = [
  "/.well-known/oauth-authorization-server/mcp",
  "/.well-known/openid-configuration/mcp",
  "/mcp/.well-known/openid-configuration"
]
const allowsDocuments = ({ server }: Discovered) => {
  assert.isTrue(server.client_id_metadata_document_supported)
  assert.include(server.token_endpoint_auth_methods_supported, "none")
}

/** SEP-835: the scopes of the challenge, and offline_access where the server lists it. */
const challengedScopes = ({ challengeScope, server }: Discovered) => {
  assert.include(server.scopes_supported, "offline_access")
  return `${challengeScope} offline_access`
}

/** As versions of Nov 2026 were seen to send it (recorded): Codex 0.169.0. */
describe("Codex", () => {
  const client_id = "https://chatgpt.com/oauth/codex/client.json"
  const discovery = {
    challenge: true,
    server: OAUTH_FIRST,
    probe: request("/mcp", { headers: { accept: "*/*", "mcp-protocol-version": "2024-11-05" } })
  }
  it.live("with its document: a random loopback port, strict iss, the advertised scopes, no step-up", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("codex-mcp-client", discovery)
      allowsDocuments(discovered)
      const identity = { client_id, redirect_uri: `http://127.0.0.1:${yield* freePort}/callback`, namesScopes: true }
      const tokens = yield* link(discovered, identity, {
        scope: challengedScopes(discovered),
        resource: discovered.url
      })
      // All tools work at once: this client would not ask again.
      assert.strictEqual(tokens.scope, "mcp.tools.call mcp.web.read offline_access")
      yield* useTools("codex-mcp-client", yield* refreshed(discovered, identity, tokens), "2025-06-18")
    }).pipe(Effect.provide(serverFor(documentsOf(client_id))))
  )

  it.live("whose database is gone: its refresh token is over, since it has no registration to renew", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const discovered = yield* discover("codex-mcp-client", discovery)
      const identity = { client_id, redirect_uri: `http://127.0.0.1:${yield* freePort}/callback` }
      const tokens = yield* link(discovered, identity, { scope: "mcp.tools.call", resource: discovered.url })
      yield* sql`delete from mcp.oauth_clients where client_id = ${client_id}`.pipe(Effect.orDie)
      // On invalid_client, 0.169 stops without a word of what to do; on invalid_grant it says to log in again.
      const over = yield* tryRefresh(discovered, identity, tokens)
      assert.strictEqual(over.status, 400)
      assert.strictEqual(over.body.error, "invalid_grant")
      // Who proves anything has to prove it.
      for (const authenticate of [
        () => Effect.succeed({ parameters: { client_id, client_secret: "x" } }),
        () => Effect.succeed({ headers: { authorization: `Basic ${btoa(`${encodeURIComponent(client_id)}:x`)}` } })
      ]) {
        const refused = yield* tryRefresh(discovered, { ...identity, authenticate }, tokens)
        assert.strictEqual(refused.body.error, "invalid_client")
      }
      yield* useTools(
        "codex-mcp-client",
        yield* link(discovered, identity, { scope: "mcp.tools.call", resource: discovered.url })
      )
    }).pipe(Effect.provide(serverFor(documentsOf(client_id))))
  )

  it.live("F6 that was given a wrong path asks for a token for it: its person is told where the endpoint is", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const page = yield* getAuthorize(
        authorizeParameters(newPkce().challenge, {
          client_id,
          redirect_uri: `http://127.0.0.1:${yield* freePort}/callback`,
          resource: `${baseUrl}/sse`
        })
      )
      assert.strictEqual(page.status, 400)
      assert.include(page.text, `the MCP endpoint is ${baseUrl}/mcp`)
    }).pipe(Effect.provide(serverFor(documentsOf(client_id))))
  )

  it.live("with the document of one callback, whose path names it", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("codex-mcp-client", discovery)
      const identity = {
        client_id: "https://chatgpt.com/oauth/codex/cb42/client.json",
        redirect_uri: `http://127.0.0.1:${yield* freePort}/callback/cb42`
      }
      const tokens = yield* link(discovered, identity, { scope: "mcp.tools.call", resource: discovered.url })
      yield* useTools("codex-mcp-client", tokens)
    }).pipe(
      Effect.provide(
        serverFor({
          "https://chatgpt.com/oauth/codex/cb42/client.json": {
            ...snapshots.get(client_id)?.document,
            client_id: "https://chatgpt.com/oauth/codex/cb42/client.json",
            redirect_uris: ["http://127.0.0.1/callback/cb42"]
          }
        })
      )
    )
  )
})

describe("Claude", () => {
  const client_id = "https://claude.ai/oauth/mcp-oauth-client-metadata"
  const identity = { client_id, redirect_uri: "https://claude.ai/api/mcp/auth_callback" }

  it.live("with its document: scopes of the challenge, refresh before expiry, invalid_grant when it is over", () =>
    Effect.gen(function* () {
      // Claude probes with an unauthenticated GET: a 405 there would end its discovery.
      assert.strictEqual((yield* request("/mcp")).status, 401)
      const discovered = yield* discover("claude-ai", { challenge: true, server: OAUTH_FIRST })
      allowsDocuments(discovered)
      const tokens = yield* link(discovered, identity, {
        scope: challengedScopes(discovered),
        resource: discovered.url
      })
      yield* useTools("claude-ai", tokens, "2025-06-18")
      const next = yield* refreshed(discovered, identity, tokens)
      yield* useTools("claude-ai", next, "2025-06-18")
      const over = yield* tryRefresh(discovered, identity, { ...next, refresh_token: `${next.refresh_token}x` })
      assert.strictEqual(over.status, 400)
      assert.strictEqual(over.body.error, "invalid_grant")
    }).pipe(Effect.provide(serverFor(documentsOf(client_id))))
  )

  it.live(
    "by registration, on every connection; a client that is gone is 401 invalid_client, and it registers again",
    () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApp
        const discovered = yield* discover("claude-ai", { challenge: true, server: OAUTH_FIRST })
        const registration = {
          client_name: "Claude",
          redirect_uris: [identity.redirect_uri],
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          token_endpoint_auth_method: "none",
          scope: "mcp.tools.call"
        }
        const connect = Effect.gen(function* () {
          const { client_id } = yield* registerAt(discovered, registration)
          const registered = { ...identity, client_id }
          const tokens = yield* link(discovered, registered, {
            scope: challengedScopes(discovered),
            resource: discovered.url
          })
          yield* useTools("claude-ai", tokens, "2025-03-26")
          return { registered, tokens }
        })
        const { registered, tokens } = yield* connect
        yield* sql`delete from mcp.oauth_clients where client_id = ${registered.client_id}`.pipe(Effect.orDie)
        const gone = yield* tryRefresh(discovered, registered, tokens)
        assert.strictEqual(gone.status, 401)
        assert.strictEqual(gone.body.error, "invalid_client")
        yield* connect
      }).pipe(Effect.provide(serverFor({}, { CLIENT_ID_METADATA_DOCUMENTS: "false" })))
  )
})

/** 2.1.332. */
describe("Claude Code", () => {
  const client_id = "https://claude.ai/oauth/claude-code-client-metadata"
  it.live("with its document: localhost or 127.0.0.1, any port or none, all three wires", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("claude-code", {
        challenge: true,
        server: OAUTH_FIRST,
        probe: sendAlone("claude-code", "server/discover", {})
      })
      allowsDocuments(discovered)
      const port = yield* freePort
      for (const redirect_uri of [
        `http://localhost:${port}/callback`,
        `http://127.0.0.1:${port}/callback`,
        // As version 2.1.80 sent it.
        "http://localhost/callback"
      ]) {
        const identity = { client_id, redirect_uri }
        const tokens = yield* link(discovered, identity, {
          scope: challengedScopes(discovered),
          prompt: "consent",
          resource: discovered.url
        })
        for (const version of ["2025-06-18", "2025-11-25"]) yield* useTools("claude-code", tokens, version)
        yield* useToolsAlone("claude-code", yield* refreshed(discovered, identity, tokens))
      }
    }).pipe(Effect.provide(serverFor(documentsOf(client_id))))
  )
})

describe("VS Code", () => {
  const client_id = "https://vscode.dev/oauth/client-metadata.json"
  it.live("with its document: its own port, another when that is busy, or its page", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("Visual Studio Code", { challenge: true, server: OAUTH_FIRST })
      for (const redirect_uri of [
        "http://127.0.0.1:33418/",
        `http://127.0.0.1:${yield* freePort}/`,
        "https://vscode.dev/redirect"
      ]) {
        const identity = { client_id, redirect_uri }
        const scope = discovered.challengeScope
        const tokens = yield* link(discovered, identity, { scope, resource: discovered.url })
        yield* useTools("Visual Studio Code", yield* refreshed(discovered, identity, tokens))
      }
    }).pipe(Effect.provide(serverFor(documentsOf(client_id))))
  )

  it.live("by registration, with all of its redirects at once", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("Visual Studio Code", { challenge: true, server: VARIANTS })
      const redirects = [
        "https://insiders.vscode.dev/redirect",
        "https://vscode.dev/redirect",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/"
      ]
      const registered = yield* registerAt(discovered, {
        client_name: "Visual Studio Code",
        client_uri: "https://code.visualstudio.com",
        grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        response_types: ["code"],
        redirect_uris: redirects,
        scope: "mcp.tools.call",
        token_endpoint_auth_method: "none",
        application_type: "native"
      })
      assert.deepStrictEqual(registered.redirect_uris, redirects)
      const identity = { client_id: registered.client_id, redirect_uri: `http://127.0.0.1:${yield* freePort}/` }
      const tokens = yield* link(discovered, identity, { scope: "mcp.tools.call", resource: discovered.url })
      yield* useTools("Visual Studio Code", tokens)
    }).pipe(Effect.provide(serverFor()))
  )
})

describe("Cursor", () => {
  it.live("registers its private scheme, its page and its loopback at once, and asks for every scope", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("Cursor", { challenge: true, server: OAUTH_FIRST })
      const redirects = [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback"
      ]
      const { client_id } = yield* registerAt(discovered, {
        client_name: "Cursor",
        redirect_uris: redirects,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none"
      })
      for (const redirect_uri of redirects) {
        const identity = { client_id, redirect_uri }
        const scope = discovered.resource.scopes_supported.join(" ")
        const tokens = yield* link(discovered, identity, { scope, resource: discovered.url })
        yield* useTools("Cursor", yield* refreshed(discovered, identity, tokens))
      }
    }).pipe(Effect.provide(serverFor()))
  )
})

describe("MCP Inspector", () => {
  const origin = "http://localhost:6274"
  /** What a browser asks before it sends a request that is not simple. */
  const preflight = Effect.fn("preflight")(function* (path: string, method: string, headers: string) {
    const answer = yield* request(path, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method, "access-control-request-headers": headers }
    })
    assert.strictEqual(answer.status, 204, path)
    assert.include([origin, "*"], answer.headers.get("access-control-allow-origin"), path)
    const allowed = (answer.headers.get("access-control-allow-headers") ?? "").toLowerCase()
    for (const header of headers.split(",")) assert.include(allowed, header.trim().toLowerCase(), path)
  })

  it.live("in a browser: preflights and answers can be read everywhere, and a 403 leads to the union of scopes", () =>
    Effect.gen(function* () {
      yield* preflight("/.well-known/oauth-protected-resource/mcp", "GET", "mcp-protocol-version")
      yield* preflight("/.well-known/oauth-authorization-server", "GET", "mcp-protocol-version")
      yield* preflight("/register", "POST", "content-type")
      yield* preflight("/token", "POST", "content-type, authorization")
      yield* preflight(
        "/mcp",
        "POST",
        "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id"
      )
      const discovered = yield* discover("inspector", { challenge: true, server: OAUTH_FIRST, origin })
      const redirect_uri = "http://localhost:6274/oauth/callback"
      const { client_id } = yield* registerAt(
        discovered,
        {
          client_name: "MCP Inspector",
          client_uri: "https://github.com/modelcontextprotocol/inspector",
          redirect_uris: [redirect_uri],
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          token_endpoint_auth_method: "none"
        },
        origin
      )
      const identity = { client_id, redirect_uri }
      const first = { scope: "mcp.tools.call offline_access", resource: discovered.url, prompt: "consent", origin }
      const tokens = yield* link(discovered, identity, first)
      const denied = yield* send(
        "tools/call",
        { name: "fetch", arguments: { id: "https://page.example/" } },
        { token: tokens.access_token, origin }
      )
      assert.strictEqual(denied.status, 403)
      assert.strictEqual(denied.headers.get("access-control-allow-origin"), origin)
      assert.include(denied.headers.get("access-control-expose-headers")?.toLowerCase(), "www-authenticate")
      const wanted = /scope="([^"]*)"/.exec(denied.headers.get("www-authenticate") ?? "")?.[1]
      const union = [...new Set([...tokens.scope.split(" "), ...(wanted ?? "").split(" ")])].join(" ")
      const more = yield* link(discovered, identity, { ...first, scope: union })
      yield* useTools("inspector", yield* refreshed(discovered, identity, more, origin))
    }).pipe(Effect.provide(serverFor()))
  )
})

/** 0.15.1, opencode 1.18.33, mcporter 0.12.3. */
describe("clients that register for each machine", () => {
  const clients = [
    {
      name: "mcp-remote",
      redirect: (port: number) => `http://localhost:${port}/oauth/callback`,
      registered: {
        client_name: "MCP CLI Client",
        client_uri: "https://github.com/modelcontextprotocol/mcp-cli",
        software_id: "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
        software_version: "0.15.1",
        application_type: "native"
      },
      scopes: challengedScopes,
      prompt: "consent",
      namesScopes: true
    },
    {
      name: "opencode",
      redirect: () => "http://127.0.0.1:19876/mcp/oauth/callback",
      registered: { client_name: "OpenCode", client_uri: "https://opencode.ai" },
      scopes: challengedScopes,
      prompt: "consent"
    },
    {
      name: "mcporter",
      redirect: (port: number) => `http://127.0.0.1:${port}/callback`,
      registered: { client_name: "mcporter (gatehouse)" },
      scopes: ({ challengeScope }: Discovered) => `${challengeScope}`
    }
  ]
  for (const { name, redirect, registered, scopes, prompt, namesScopes } of clients) {
    it.live(`${name}: its port, the scopes of the challenge, and every tool at once`, () =>
      Effect.gen(function* () {
        const discovered = yield* discover(name, { challenge: true, server: OAUTH_FIRST })
        const scope = scopes(discovered)
        const redirect_uri = redirect(yield* freePort)
        const { client_id } = yield* registerAt(discovered, {
          redirect_uris: [redirect_uri],
          token_endpoint_auth_method: "none",
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          scope,
          ...registered
        })
        const identity = { client_id, redirect_uri, ...(namesScopes && { namesScopes }) }
        const tokens = yield* link(discovered, identity, { scope, resource: discovered.url, ...(prompt && { prompt }) })
        assert.strictEqual(tokens.scope, scope)
        yield* useTools(name, yield* refreshed(discovered, identity, tokens))
      }).pipe(Effect.provide(serverFor()))
    )
  }

  it.live("mcp-remote before it read challenges: asks every server who the person is, and gets its tools along", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("mcp-remote", {
        resource: ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"],
        server: OAUTH_FIRST
      })
      const redirect_uri = `http://localhost:${yield* freePort}/oauth/callback`
      const { client_id } = yield* registerAt(discovered, {
        client_name: "MCP CLI Proxy",
        redirect_uris: [redirect_uri],
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        software_id: "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
        software_version: "0.15.1"
      })
      const identity = { client_id, redirect_uri }
      const scope = "openid email profile mcp.tools.call"
      const tokens = yield* link(discovered, identity, { scope, resource: discovered.url })
      assert.strictEqual(tokens.scope, scope)
      yield* useTools("mcp-remote", yield* refreshed(discovered, identity, tokens))
    }).pipe(Effect.provide(serverFor()))
  )
})

describe("a client of 2025-03-26", () => {
  it.live("knows no resource metadata, no resource parameter and no scope: the paths at the root are enough", () =>
    Effect.gen(function* () {
      const discovered = yield* discover("old", {
        resource: ["/.well-known/oauth-protected-resource"],
        server: ["/.well-known/oauth-authorization-server"]
      })
      assert.strictEqual(new URL(discovered.server.authorization_endpoint).pathname, "/authorize")
      assert.strictEqual(new URL(discovered.server.token_endpoint).pathname, "/token")
      assert.strictEqual(new URL(discovered.server.registration_endpoint ?? "").pathname, "/register")
      const redirect_uri = "http://localhost:9000/callback"
      const { client_id } = yield* registerAt(discovered, {
        redirect_uris: [redirect_uri],
        grant_types: ["authorization_code", "refresh_token"],
        token_endpoint_auth_method: "none"
      })
      const identity = { client_id, redirect_uri }
      const tokens = yield* link(discovered, identity, {})
      // It would not ask for more, so it gets what the tools need.
      assert.strictEqual(tokens.scope, "mcp.tools.call mcp.web.read")
      yield* useTools("old", tokens, "2025-03-26")
      const listed = yield* send("tools/list", {}, { token: tokens.access_token })
      assert.isArray(messageOf(listed).result.tools)
    }).pipe(Effect.provide(serverFor()))
  )
})
