import { spawn } from "node:child_process"
import { chmodSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as openid from "openid-client"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { admitted, obtainTokens, REDIRECT_URI } from "../support/client.ts"
import { allow } from "../support/consent.ts"
import { TestDatabase } from "../support/postgres.ts"
import { temporaryFolder } from "../support/program.ts"

/** The script of a program that a package installs. */
const scriptOf = (name: string, command: string) => {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
  const { bin } = createRequire(import.meta.url)(manifest) as { bin: Record<string, string> }
  return join(dirname(manifest), bin[command] ?? "")
}

/** Runs a program to its end, or until its output holds `until`. */
const run = (script: string, args: ReadonlyArray<string>, env: Record<string, string> = {}, until?: RegExp) =>
  Effect.callback<{ readonly code: number | null; readonly output: string }>((resume) => {
    const child = spawn(process.execPath, [script, ...args], {
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["pipe", "pipe", "pipe"]
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk
        if (until?.test(output)) child.kill("SIGTERM")
      })
    }
    child.once("close", (code) => resume(Effect.succeed({ code, output })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

layer(testApp(TestDatabase.quick), { excludeTestServices: true, timeout: "60 seconds" })("programs of others", (it) => {
  it.effect("openid-client registers itself, proves itself, refreshes, introspects and revokes", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const insecure = { execute: [openid.allowInsecureRequests] }
      const config = yield* Effect.promise(() =>
        openid.dynamicClientRegistration(
          new URL(baseUrl),
          {
            client_name: "openid-client",
            redirect_uris: [REDIRECT_URI],
            grant_types: ["authorization_code", "refresh_token"],
            token_endpoint_auth_method: "client_secret_post"
          },
          undefined,
          { algorithm: "oauth2", ...insecure }
        )
      )
      assert.strictEqual(config.serverMetadata().issuer, baseUrl)
      const verifier = openid.randomPKCECodeVerifier()
      const challenge = yield* Effect.promise(() => openid.calculatePKCECodeChallenge(verifier))
      const state = openid.randomState()
      const url = openid.buildAuthorizationUrl(config, {
        redirect_uri: REDIRECT_URI,
        scope: "mcp.tools.call",
        code_challenge: challenge,
        code_challenge_method: "S256",
        resource: `${baseUrl}/mcp`,
        state
      })
      const callback = yield* allow(url)
      const tokens = yield* Effect.promise(() =>
        openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: state })
      )
      assert.isTrue(yield* admitted(tokens.access_token))
      const next = yield* Effect.promise(() => openid.refreshTokenGrant(config, tokens.refresh_token ?? ""))
      const facts = yield* Effect.promise(() => openid.tokenIntrospection(config, next.access_token))
      assert.deepInclude(facts, { active: true, scope: "mcp.tools.call", aud: `${baseUrl}/mcp` })
      yield* Effect.promise(() => openid.tokenRevocation(config, next.refresh_token ?? ""))
      assert.isFalse(yield* admitted(next.access_token))
    })
  )

  for (const era of ["legacy", "modern", "auto"]) {
    it.effect(`the inspector lists and calls with a bearer token, in the ${era} era`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const { access_token } = yield* obtainTokens()
        const inspect = (...args: ReadonlyArray<string>) =>
          run(scriptOf("@modelcontextprotocol/inspector", "mcp-inspector"), [
            ...["--cli", "--server-url", `${baseUrl}/mcp`, "--transport", "http", "--protocol-era", era],
            ...["--header", `Authorization: Bearer ${access_token}`, "--format", "json", ...args]
          ])
        const listed = yield* inspect("--method", "tools/list")
        assert.strictEqual(listed.code, 0, listed.output)
        for (const name of ["calculator", "get_weather", "search_web", "search", "fetch"]) {
          assert.include(listed.output, `"${name}"`)
        }
        const called = yield* inspect(
          "--method",
          "tools/call",
          "--tool-name",
          "calculator",
          "--tool-arg",
          "expression=2^10"
        )
        assert.strictEqual(called.code, 0, called.output)
        assert.include(called.output, "1024")
      })
    )
  }
})

describe("mcp-remote", () => {
  it.live(
    "registers itself, sends a browser to us, gets its tokens and lists the tools",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const folder = yield* temporaryFolder
        // What opens URLs here: it follows them to where they lead.
        const browser = join(folder, "browser")
        writeFileSync(browser, `#!${process.execPath}\nfetch(process.argv.at(-1)).then((answer) => answer.text())\n`)
        chmodSync(browser, 0o755)
        for (const name of ["xdg-open", "x-www-browser"]) {
          writeFileSync(join(folder, name), `#!/bin/sh\nexec ${browser} "$@"\n`)
          chmodSync(join(folder, name), 0o755)
        }
        const { output } = yield* run(
          scriptOf("mcp-remote", "mcp-remote-client"),
          [`${baseUrl}/mcp`, String(yield* freePort)],
          {
            PATH: `${folder}:${process.env.PATH ?? ""}`,
            BROWSER: browser,
            HOME: folder,
            MCP_REMOTE_CONFIG_DIR: folder
          },
          /"calculator"[\s\S]*"fetch"/
        )
        assert.match(output, /calculator/, output)
      }).pipe(Effect.scoped, Effect.provide(testApp(TestDatabase.quick, { AUTO_APPROVE: "true" }))),
    { timeout: 60_000 }
  )
})
