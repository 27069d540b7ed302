import { connect } from "node:net"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { request, rpc } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

/** A request with headers that fetch would not send. */
const raw = Effect.fn("test.raw")(function* (head: string) {
  const { port } = yield* TestApp
  return yield* Effect.callback<string>((resume) => {
    let answer = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(`${head}\r\n\r\n`))
    socket.on("data", (chunk) => {
      answer += chunk
    })
    socket.on("close", () => resume(Effect.succeed(answer)))
    socket.on("error", () => resume(Effect.succeed(answer)))
  })
})

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })("discovery", (it) => {
  it.effect("MD1 the authorization server metadata names the issuer byte for byte", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const { status, headers, body } = yield* request("/.well-known/oauth-authorization-server")
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("content-type"), "application/json")
      assert.strictEqual(body.issuer, baseUrl)
    })
  )

  it.effect("MD2, MD8 it lists what works and nothing else", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const { body } = yield* request("/.well-known/oauth-authorization-server")
      const methods = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]
      assert.deepStrictEqual(body, {
        issuer: baseUrl,
        authorization_endpoint: `${baseUrl}/authorize`,
        token_endpoint: `${baseUrl}/token`,
        revocation_endpoint: `${baseUrl}/revoke`,
        introspection_endpoint: `${baseUrl}/introspect`,
        registration_endpoint: `${baseUrl}/register`,
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: methods,
        token_endpoint_auth_signing_alg_values_supported: ["RS256", "ES256"],
        revocation_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_signing_alg_values_supported: ["RS256", "ES256"],
        introspection_endpoint_auth_methods_supported: methods.slice(1),
        introspection_endpoint_auth_signing_alg_values_supported: ["RS256", "ES256"],
        scopes_supported: ["mcp.tools.call", "mcp.web.read", "openid", "profile", "email", "offline_access"],
        prompt_values_supported: ["none", "login", "consent", "select_account"],
        authorization_response_iss_parameter_supported: true,
        client_id_metadata_document_supported: true
      })
    })
  )

  it.effect("MD3 no header of a caller reaches a document, a challenge or a location", () =>
    Effect.gen(function* () {
      const { port } = yield* TestApp
      const document = "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nConnection: close"
      assert.match(yield* raw(`${document}\r\nHost: evil.example`), /^HTTP\/1\.1 403 /)
      assert.notInclude(yield* raw(`${document}\r\nHost: evil.example`), "evil.example")
      const forwarded = `Host: localhost:${port}\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http`
      const answers = [
        yield* raw(`${document}\r\n${forwarded}`),
        yield* raw(`GET /mcp HTTP/1.1\r\nConnection: close\r\n${forwarded}`),
        yield* raw(`GET /authorize?client_id=x HTTP/1.1\r\nConnection: close\r\n${forwarded}`)
      ]
      assert.match(answers[0] ?? "", /^HTTP\/1\.1 200 /)
      for (const answer of answers) assert.notInclude(answer, "evil.example")
    })
  )

  it.effect("MC1 a missing or doubled Host, or an absolute target elsewhere, is refused", () =>
    Effect.gen(function* () {
      const { port } = yield* TestApp
      const document = "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nConnection: close"
      assert.match(yield* raw(document), /^HTTP\/1\.1 403 /)
      assert.match(yield* raw(`${document}\r\nHost: localhost:${port}\r\nHost: evil.example`), /^HTTP\/1\.1 40[03] /)
      const absolute = "GET http://evil.example/.well-known/oauth-authorization-server HTTP/1.1\r\nConnection: close"
      assert.match(yield* raw(`${absolute}\r\nHost: localhost:${port}`), /^HTTP\/1\.1 403 /)
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, "localhost"]) {
        assert.match(yield* raw(`${document}\r\nHost: ${host}`), /^HTTP\/1\.1 200 /, host)
      }
    })
  )

  it.effect("MD4 every place where a client may look holds the same document", () =>
    Effect.gen(function* () {
      for (const name of ["oauth-authorization-server", "openid-configuration", "oauth-protected-resource"]) {
        const root = yield* request(`/.well-known/${name}`)
        for (const path of [`/.well-known/${name}/mcp`, `/mcp/.well-known/${name}`]) {
          const answer = yield* request(path, { headers: { origin: "https://any.example" } })
          assert.strictEqual(answer.status, 200, path)
          assert.deepStrictEqual(answer.body, root.body)
          assert.strictEqual(answer.headers.get("access-control-allow-origin"), "*")
        }
      }
    })
  )

  it.effect("F6, MD4 with a slash after the path too: the same server, and the resource by that name", () =>
    Effect.gen(function* () {
      for (const name of ["oauth-authorization-server", "openid-configuration"]) {
        const answer = yield* request(`/.well-known/${name}/mcp/`)
        assert.deepStrictEqual(answer.body, (yield* request(`/.well-known/${name}`)).body)
      }
      const without = (yield* request("/.well-known/oauth-protected-resource/mcp")).body
      const answer = yield* request("/.well-known/oauth-protected-resource/mcp/")
      assert.deepStrictEqual(answer.body, { ...without, resource: `${without.resource}/` })
    })
  )

  it.effect("MD4 the OpenID form says the same, and of people more", () =>
    Effect.gen(function* () {
      const oauth = yield* request("/.well-known/oauth-authorization-server")
      const openid = yield* request("/.well-known/openid-configuration")
      assert.strictEqual(openid.status, 200)
      assert.deepStrictEqual({ ...openid.body, ...oauth.body }, openid.body)
      const { baseUrl } = yield* TestApp
      assert.strictEqual(openid.body.jwks_uri, `${baseUrl}/jwks`)
    })
  )

  it.effect("MD5, MD6 the protected resource metadata has both forms and no offline_access", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const root = yield* request("/.well-known/oauth-protected-resource")
      const path = yield* request("/.well-known/oauth-protected-resource/mcp")
      assert.deepStrictEqual(root.body, path.body)
      assert.strictEqual(path.body.resource, `${baseUrl}/mcp`)
      assert.deepStrictEqual(path.body.authorization_servers, [baseUrl])
      assert.deepStrictEqual(path.body.bearer_methods_supported, ["header"])
      assert.deepStrictEqual(path.body.scopes_supported, ["mcp.tools.call", "mcp.web.read"])
      assert.notInclude((yield* rpc(undefined, "tools/list")).headers.get("www-authenticate"), "offline_access")
    })
  )

  it.effect("MD7 preflights are answered for any origin, HEAD like GET, and POST with 405", () =>
    Effect.gen(function* () {
      for (const path of ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"]) {
        const preflight = yield* request(path, {
          method: "OPTIONS",
          headers: {
            origin: "https://any.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "mcp-protocol-version"
          }
        })
        assert.strictEqual(preflight.status, 204)
        assert.strictEqual(preflight.headers.get("access-control-allow-origin"), "*")
        assert.strictEqual(preflight.headers.get("access-control-allow-headers"), "mcp-protocol-version")
        const head = yield* request(path, { method: "HEAD" })
        assert.strictEqual(head.status, 200)
        assert.strictEqual(head.text, "")
        const post = yield* request(path, { method: "POST" })
        assert.strictEqual(post.status, 405)
        assert.sameMembers((post.headers.get("allow") ?? "").split(", "), ["GET", "HEAD"])
      }
    })
  )

  it.effect("an unknown path, another case, a doubled or a trailing slash is 404", () =>
    Effect.gen(function* () {
      for (const path of ["/nothing", "/TOKEN", "//token", "/token/", "/.well-known/oauth-authorization-server/x"]) {
        const { baseUrl } = yield* TestApp
        const { status } = yield* request(`${baseUrl}${path}`)
        assert.strictEqual(status, 404, path)
      }
    })
  )
})
