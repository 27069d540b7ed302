import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { HtmlRefusals, REFUSALS } from "../../src/html/refusals.ts"
import { Draining } from "../../src/web/Draining.ts"
import { Front } from "../../src/web/front.ts"

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

/** The front over two routes, one of which is broken. */
const front = Effect.gen(function* () {
  const routes = HttpRouter.use((router) =>
    Effect.all([
      router.add("GET", "/fine", HttpServerResponse.text("fine")),
      router.add("*", "/broken", Effect.die(new Error("canary: a defect")))
    ])
  )
  const app = Layer.mergeAll(routes, Layer.provide(Front, HtmlRefusals)).pipe(
    Layer.provide(Draining.layer),
    Layer.provide(Logging),
    Layer.provide(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
  )
  const { handler, dispose } = HttpRouter.toWebHandler(app, { disableLogger: true })
  yield* Effect.addFinalizer(() => Effect.promise(dispose))
  const ask = (path: string, headers: Readonly<Record<string, string>>, method = "GET") =>
    Effect.promise(async () => {
      const url = `http://localhost:3000${path}`
      const response = await handler(new Request(url, { method, headers: { host: "localhost:3000", ...headers } }))
      return { status: response.status, headers: response.headers, text: await response.text() }
    })
  return { ask }
})

describe("what the front refuses", () => {
  it.live("is a page for a person, with the number of the request and a next step, and JSON for programs", () =>
    Effect.gen(function* () {
      const { ask } = yield* front
      const isPage = Effect.fnUntraced(function* (refusal: keyof typeof REFUSALS, path: string, host = {}) {
        const { status, title, explanation } = REFUSALS[refusal]
        const navigations = [
          [{ accept: BROWSER, ...host }, "GET"],
          [{ accept: BROWSER, "sec-fetch-mode": "navigate", ...host }, "GET"],
          [{ accept: BROWSER, "sec-fetch-mode": "navigate", ...host }, "POST"]
        ] as const
        for (const [headers, method] of navigations) {
          const answer = yield* ask(path, headers, method)
          assert.strictEqual(answer.status, status)
          assert.match(answer.headers.get("content-type") ?? "", /^text\/html/)
          assert.match(answer.headers.get("content-security-policy") ?? "", /^default-src 'none'/)
          assert.strictEqual(answer.headers.get("x-frame-options"), "DENY")
          assert.strictEqual(answer.headers.get("cache-control"), "no-store")
          const id = answer.headers.get("x-request-id") ?? "none"
          for (const part of [`<title>${title} ·`, explanation, `<code>${id}</code>`]) assert.include(answer.text, part)
          assert.notInclude(answer.text, "canary")
        }
        const programs = [
          [{ ...host }, "GET"],
          [{ accept: "*/*", ...host }, "GET"],
          [{ accept: "application/json, text/event-stream", ...host }, "POST"],
          [{ accept: "text/html;q=0, */*", ...host }, "GET"],
          [{ accept: BROWSER, "sec-fetch-mode": "cors", ...host }, "GET"],
          [{ accept: BROWSER, ...host }, "POST"]
        ] as const
        for (const [headers, method] of programs) {
          const answer = yield* ask(path, headers, method)
          assert.strictEqual(answer.status, status)
          assert.hasAllKeys(JSON.parse(answer.text), ["error", "error_description"])
        }
      })
      assert.strictEqual((yield* ask("/fine", { accept: BROWSER })).text, "fine")
      yield* isPage("notFound", "/nowhere")
      yield* isPage("forbidden", "/fine", { host: "evil.example" })
      yield* isPage("serverError", "/broken")
    }).pipe(Effect.scoped)
  )
})
