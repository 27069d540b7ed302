import { connect } from "node:net"
import { assert, layer } from "@effect/vitest"
import { auth, type OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Effect } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import {
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  messageOf,
  newPkce,
  obtainTokens,
  request,
  rpc
} from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const metadataIn = (header: string | null) => /resource_metadata="([^"]*)"/.exec(header ?? "")?.[1] ?? ""

/** A request with a Host of the test's choice, which fetch would not send. */
const requestAt = Effect.fn("test.requestAt")(function* (
  host: string,
  line: string,
  ...headers: ReadonlyArray<string>
) {
  const { port } = yield* TestApp
  const body = line.startsWith("POST") ? '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' : ""
  const head = [
    `${line} HTTP/1.1`,
    `Host: ${host}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
    ...headers
  ]
  return yield* Effect.callback<string>((resume) => {
    let text = ""
    const socket = connect(port, "localhost", () => socket.write(`${head.join("\r\n")}\r\n\r\n${body}`))
    socket.on("data", (chunk) => {
      text += chunk
    })
    socket.on("close", () => resume(Effect.succeed(text)))
  })
})

/** SDK v1 as a program uses it; `found` is where it would send the person. */
const sdkClient = () => {
  const found: { url?: URL } = {}
  const registered: { client?: { client_id: string } } = {}
  const provider: OAuthClientProvider = {
    redirectUrl: "http://localhost:4711/callback",
    clientMetadata: { redirect_uris: ["http://localhost:4711/callback"], client_name: "test" },
    clientInformation: () => registered.client,
    saveClientInformation: (client) => {
      registered.client = client
    },
    tokens: () => undefined,
    saveTokens: () => undefined,
    redirectToAuthorization: (url) => {
      found.url = url
    },
    saveCodeVerifier: () => undefined,
    codeVerifier: () => ""
  }
  return { provider, found }
}

layer(testApp(TestDatabase.quick), { excludeTestServices: true, timeout: "60 seconds" })(
  "the address of /mcp",
  (it) => {
    it.effect("F6 with a slash at the end it is the same: challenge, metadata, token and calls", () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const refused = yield* request("/mcp/", { method: "POST" })
        assert.strictEqual(refused.status, 401)
        const metadata = metadataIn(refused.headers.get("www-authenticate"))
        assert.strictEqual(metadata, `${baseUrl}/.well-known/oauth-protected-resource/mcp/`)
        // RFC 9728 §3.3: the address as the client was given it.
        assert.strictEqual((yield* request(metadata)).body.resource, `${baseUrl}/mcp/`)
        const { access_token } = yield* obtainTokens({ resource: `${baseUrl}/mcp/` })
        const called = yield* request("/mcp/", {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${access_token}` },
          body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })
        })
        assert.strictEqual(called.status, 200)
        assert.isArray(messageOf(called).result.tools)
        const preflight = yield* request("/mcp/", {
          method: "OPTIONS",
          headers: { origin: baseUrl, "access-control-request-method": "POST" }
        })
        assert.strictEqual(preflight.headers.get("access-control-allow-origin"), baseUrl)
        // A challenge in a result too.
        const denied = yield* request("/mcp/", {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${access_token}` },
          body: JSON.stringify({
            jsonrpc: "2.0",
            id: 1,
            method: "tools/call",
            params: { name: "fetch", arguments: { id: "x" }, _meta: { "openai/locale": "en" } }
          })
        })
        assert.strictEqual(metadataIn(messageOf(denied).result._meta["mcp/www_authenticate"][0]), metadata)
      })
    )

    it.effect("F6 MCP sent to the bare origin is told where the endpoint is, and nothing else changes there", () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const headers = { "content-type": "application/json; charset=utf-8" }
        for (const answer of [
          yield* request("/", { method: "POST", headers, body: "{}" }),
          yield* request("/?a=b", { headers: { accept: "text/event-stream" } })
        ]) {
          assert.strictEqual(answer.status, 400)
          // The path by itself too: Claude Code cuts the slash off the address that it was given, wherever it reads it.
          assert.strictEqual(answer.body.error.message, `The MCP endpoint is at /mcp: ${baseUrl}/mcp`)
        }
        for (const init of [{}, { headers: { accept: "text/html,*/*" } }]) {
          const page = yield* request("/", init)
          assert.strictEqual(page.status, 200)
          assert.include(page.headers.get("content-type") ?? "", "text/html")
        }
        assert.strictEqual((yield* request("/", { method: "POST", body: "a=b" })).status, 404)
      })
    )

    it.effect("F6 SDK v1 shows the person what it read there", () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const client = new Client({ name: "test", version: "1" })
        const error = yield* Effect.promise(() =>
          client.connect(new StreamableHTTPClientTransport(new URL(baseUrl))).then(
            () => "connected",
            (error: Error) => error.message
          )
        )
        assert.include(error, `The MCP endpoint is at /mcp: ${baseUrl}/mcp`)
        // What mcp-remote takes for a server of the transport of 2024, whose error would hide this one.
        assert.notMatch(error.replaceAll(baseUrl, ""), /40[45]|Not Found|Method Not Allowed/)
      })
    )

    it.effect(
      "F17 by another name of the own machine: challenge and metadata agree with it, and a token is for all",
      () =>
        Effect.gen(function* () {
          const { baseUrl, port } = yield* TestApp
          for (const name of ["127.0.0.1", "[::1]", "localhost"]) {
            const origin = `http://${name}:${port}`
            const refused = yield* requestAt(`${name}:${port}`, "POST /mcp")
            assert.match(refused, /^HTTP\/1\.1 401 /)
            assert.strictEqual(metadataIn(refused), `${origin}/.well-known/oauth-protected-resource/mcp`)
            const metadata = yield* requestAt(`${name}:${port}`, "GET /.well-known/oauth-protected-resource/mcp")
            const { resource: told, authorization_servers } = JSON.parse(metadata.split("\r\n\r\n")[1] ?? "")
            assert.strictEqual(told, `${origin}/mcp`)
            assert.deepStrictEqual(authorization_servers, [baseUrl])
            const pkce = newPkce()
            const resource = `${origin}/mcp`
            const page = yield* getAuthorize(authorizeParameters(pkce.challenge, { resource }))
            const code = locationOf(yield* decide(formOf(page), "approve")).searchParams.get("code") ?? ""
            const tokens = yield* exchange({ code, verifier: pkce.verifier }, { resource })
            assert.strictEqual((yield* rpc(tokens.body.access_token, "tools/list")).status, 200, name)
            const called = yield* requestAt(
              `${name}:${port}`,
              "POST /mcp",
              `Authorization: Bearer ${tokens.body.access_token}`
            )
            assert.match(called, /^HTTP\/1\.1 200 /)
          }
        })
    )

    it.effect("F17 SDK v1 links by the other name, through the issuer's own", () =>
      Effect.gen(function* () {
        const { baseUrl, port } = yield* TestApp
        for (const path of ["/mcp", "/mcp/"]) {
          const { provider, found } = sdkClient()
          const serverUrl = `http://127.0.0.1:${port}${path}`
          const outcome = yield* Effect.promise(() => auth(provider, { serverUrl }))
          assert.strictEqual(outcome, "REDIRECT")
          assert.strictEqual(found.url?.origin, baseUrl)
          assert.include(serverUrl, found.url?.searchParams.get("resource") ?? "none")
          const page = yield* getAuthorize([...(found.url?.searchParams ?? [])])
          assert.strictEqual(page.status, 200, page.text)
        }
      })
    )

    it.effect(
      "F17 at a port that it was not told of, a newcomer hears which address counts; a token is still served",
      () =>
        Effect.gen(function* () {
          const { baseUrl } = yield* TestApp
          for (const host of ["localhost:1", "127.0.0.1"]) {
            const answer = yield* requestAt(host, "POST /mcp")
            assert.match(answer, /^HTTP\/1\.1 421 /)
            assert.include(answer, `${baseUrl}/mcp`)
            assert.notInclude(answer.toLowerCase(), "www-authenticate")
            const { access_token } = yield* obtainTokens()
            assert.match(
              yield* requestAt(host, "POST /mcp", `Authorization: Bearer ${access_token}`),
              /^HTTP\/1\.1 200 /
            )
            // It knew the address once: what it needs is another token.
            assert.match(yield* requestAt(host, "POST /mcp", "Authorization: Bearer over"), /^HTTP\/1\.1 401 /)
          }
        })
    )
  }
)
