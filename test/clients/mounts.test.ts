import { createServer } from "node:http"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { executablePath } from "../support/browser.ts"
import { messageOf } from "../support/client.ts"
import { known, mountedApp } from "../support/mountedApp.ts"
import { discover, link, send, webOf } from "./profile.ts"

const DOCUMENT = "https://chatgpt.com/oauth/client.json"
const REDIRECT = "https://chatgpt.com/connector_platform_oauth_redirect"
const BIN = join(import.meta.dirname, "../../node_modules/.bin")

/** A page that says which it is, and counts how often it was pressed. */
const site = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      response.setHeader("content-type", "text/html")
      response.end(`<!doctype html><title>${request.url}</title><h1>This is ${request.url}</h1>
        <button onclick="this.textContent='pressed'">press</button>`)
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : 0
      const close = () => {
        server.closeAllConnections()
        server.close()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe.skipIf(executablePath === undefined)("ChatGPT, and a browser behind this server", () => {
  it.live(
    "links with the mount's permission, navigates and reads a page; another chat has another browser",
    () =>
      Effect.gen(function* () {
        const { url } = yield* site
        const discovered = yield* discover("openai-mcp", {
          challenge: true,
          server: ["/.well-known/oauth-authorization-server"]
        })
        yield* known("playwright")
        const identity = { client_id: DOCUMENT, redirect_uri: REDIRECT }
        const scope = "mcp.tools.call mcp.playwright offline_access"
        const tokens = yield* link(discovered, identity, { scope, resource: discovered.url })
        assert.strictEqual(tokens.scope, scope)
        const options = { token: tokens.access_token, version: "2025-11-25" }
        const ask = (method: string, params: object) =>
          Effect.map(send(method, params, options), (answer) => messageOf(answer).result)
        const { tools } = yield* ask("tools/list", {})
        for (const tool of tools.filter(({ name }: { name: string }) => name.startsWith("playwright__"))) {
          assert.match(tool.name, /^[a-zA-Z0-9_-]{1,64}$/)
          assert.strictEqual(tool.inputSchema.type, "object")
          for (const hint of ["readOnlyHint", "destructiveHint", "openWorldHint"]) {
            assert.isBoolean(tool.annotations[hint], tool.name)
          }
        }
        const browse = (chat: string, name: string, args: object = {}) =>
          Effect.map(
            ask("tools/call", {
              name: `playwright__browser_${name}`,
              arguments: args,
              _meta: { "openai/session": chat, "openai/userAgent": "ChatGPT" }
            }),
            (result): string => {
              assert.notStrictEqual(result.isError, true, JSON.stringify(result.content))
              return result.content.map(({ text }: { text?: string }) => text ?? "").join("\n")
            }
          )
        const visit = (chat: string) =>
          Effect.gen(function* () {
            yield* browse(chat, "navigate", { url: `${url}/${chat}` })
            return yield* browse(chat, "snapshot")
          })
        const [one, two] = yield* Effect.all([visit("one"), visit("two")], { concurrency: 2 })
        assert.include(one, "This is /one")
        assert.include(two, "This is /two")
        const reference = /button "press".*?\[ref=(\w+)\]/.exec(one)?.[1] ?? assert.fail(one)
        yield* browse("one", "click", { element: "the button", target: reference })
        assert.include(yield* browse("one", "snapshot"), 'button "pressed"')
        assert.notInclude(yield* browse("two", "snapshot"), 'button "pressed"')
      }).pipe(
        Effect.scoped,
        Effect.provide(
          mountedApp(
            () => ({
              playwright: {
                command: join(BIN, "playwright-mcp"),
                args: ["--headless", "--isolated", "--no-sandbox", "--executable-path", executablePath ?? ""],
                session: "chat"
              }
            }),
            {},
            webOf({})
          )
        )
      ),
    { timeout: 240_000 }
  )
})
