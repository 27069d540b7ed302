import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { z } from "zod"
import { content, image, link, text } from "../../src/toolsets/content.ts"
import { tool } from "../../src/toolsets/declare.ts"
import { ToolFailure } from "../../src/toolsets/failure.ts"
import type { Declared } from "../../src/toolsets/tool.ts"
import { TestApp } from "../support/app.ts"
import { obtainTokens } from "../support/client.ts"
import { capturedLogs } from "../support/logs.ts"
import { asked, ERAS, type Era, ownApp, send } from "../support/ownTools.ts"

const SAID = { title: "Title", description: "Description.", hints: { readOnly: true, openWorld: false } } as const

const hungUp = { began: Promise.withResolvers<void>(), aborted: Promise.withResolvers<void>() }

const TOOLS: ReadonlyArray<Declared> = [
  tool({
    ...SAID,
    name: "roll",
    input: z.object({ sides: z.int() }),
    output: z.object({ sum: z.int() }),
    run: async ({ sides }) => ({ sum: sides })
  }),
  tool({ ...SAID, name: "free", run: () => ({ free: "\ud800 half" }) }),
  tool({
    ...SAID,
    name: "parts",
    run: () =>
      content([
        text("words"),
        image(new Uint8Array([1, 2, 3]), "image/png"),
        link({ uri: "https://example.com/a", name: "a" })
      ])
  }),
  tool({
    ...SAID,
    name: "both",
    output: z.object({ sum: z.int() }),
    run: () => content([image(new Uint8Array([1]), "image/png")], { sum: 3 })
  }),
  tool({
    ...SAID,
    name: "slow",
    run: async (_, { progress }) => {
      progress(1, 3, "packing")
      progress(2, 3)
      await Promise.resolve()
      progress(3)
      return "done"
    }
  }),
  tool({
    ...SAID,
    name: "about",
    run: (_, { person, client, scopes, secret, requestId, log }) => {
      log("asked about", { of: person.id })
      return { person, client, scopes, key: secret("DICE_KEY"), requestId }
    }
  }),
  tool({ ...SAID, name: "ours", run: (_, { secret }) => secret("DATABASE_URL") }),
  tool({
    ...SAID,
    name: "broken",
    run: () => {
      throw new Error("the disk is full")
    }
  }),
  tool({ ...SAID, name: "refusing", run: () => Promise.reject(new ToolFailure("Not on Sundays.")) }),
  tool({
    ...SAID,
    name: "waits",
    run: (_, { signal }) => {
      hungUp.began.resolve()
      signal.addEventListener("abort", () => hungUp.aborted.resolve())
      return new Promise(() => {})
    }
  })
]

const callIn = (token: string, era: Era, name: string, args: object = {}, more = {}) =>
  asked(token, era, "tools/call", { name, arguments: args }, more)

for (const lane of ["on", "off"]) {
  layer(ownApp({ tools: TOOLS }, { MCP_FAST_LANE: lane, DICE_KEY: "a key" }), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })(`own tools over HTTP, the fast lane ${lane}`, (it) => {
    for (const era of ERAS) {
      it.effect(`TL20 values are structured content and text (${era})`, () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { result } = yield* callIn(access_token, era, "roll", { sides: "6" })
          assert.deepEqual(result.structuredContent, { sum: 6 })
          assert.deepEqual(result.content, [{ type: "text", text: '{"sum":6}' }])
          const free = (yield* callIn(access_token, era, "free")).result
          assert.deepEqual(free.structuredContent, { free: "\ufffd half" })
          const wrong = (yield* callIn(access_token, era, "roll", { sides: "many" })).result
          assert.isTrue(wrong.isError)
          assert.match(wrong.content[0].text, /"sides": /)
          const failed = (yield* callIn(access_token, era, "refusing")).result
          assert.deepEqual([failed.isError, failed.content[0].text], [true, "Not on Sundays."])
        })
      )

      it.effect(`TL20 parts are what they were, with the value beside them (${era})`, () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const parts = (yield* callIn(access_token, era, "parts")).result
          assert.deepEqual(parts.content, [
            { type: "text", text: "words" },
            { type: "image", data: "AQID", mimeType: "image/png" },
            { type: "resource_link", uri: "https://example.com/a", name: "a" }
          ])
          assert.isUndefined(parts.structuredContent)
          const both = (yield* callIn(access_token, era, "both")).result
          assert.deepEqual(both.structuredContent, { sum: 3 })
          assert.deepEqual(both.content, [
            { type: "image", data: "AQ==", mimeType: "image/png" },
            { type: "text", text: '{"sum":3}' }
          ])
        })
      )

      it.effect(`TL21 progress is told to whoever asked for it, by their token (${era})`, () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const params = { name: "slow", arguments: {} }
          const { text } = yield* send(access_token, era, "tools/call", params, { meta: { progressToken: "mine" } })
          const messages = Array.from(text.matchAll(/^data: (.+)$/gm), ([, data = ""]) => JSON.parse(data))
          const told = messages.filter(({ method }) => method === "notifications/progress").map(({ params }) => params)
          assert.deepEqual(
            told.map(({ progressToken, progress, total, message }) => ({ progressToken, progress, total, message })),
            [
              { progressToken: "mine", progress: 1, total: 3, message: "packing" },
              { progressToken: "mine", progress: 2, total: 3, message: undefined },
              { progressToken: "mine", progress: 3, total: undefined, message: undefined }
            ]
          )
          assert.strictEqual(messages.at(-1).result.content[0].text, "done")
          const silent = yield* send(access_token, era, "tools/call", params)
          assert.notInclude(silent.text, "notifications/progress")
        })
      )

      it.effect(
        `TL22 a run knows its person, app, permissions, secret and request, and no secret of ours (${era})`,
        () =>
          Effect.gen(function* () {
            const { access_token } = yield* obtainTokens()
            const answer = yield* send(access_token, era, "tools/call", { name: "about", arguments: {} })
            const about = JSON.parse(/\{"person".*?"requestId":"[^"]*"\}/.exec(answer.text)?.[0] ?? "null")
            assert.strictEqual(about.person.id, "demo")
            assert.deepEqual(about.client, { id: "demo" })
            assert.include(about.scopes, "mcp.tools.call")
            assert.strictEqual(about.key, "a key")
            assert.strictEqual(about.requestId, answer.headers.get("x-request-id"))
            const { result } = yield* callIn(access_token, era, "ours")
            assert.deepEqual([result.isError, result.content[0].text], [true, "The tool failed. Try again later."])
          })
      )
    }

    it.effect("TL12 MC11 a run hears that its caller has hung up, and the server goes on", () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const { access_token } = yield* obtainTokens()
        hungUp.began = Promise.withResolvers()
        hungUp.aborted = Promise.withResolvers()
        const caller = new AbortController()
        const gone = fetch(`${baseUrl}/mcp`, {
          method: "POST",
          signal: caller.signal,
          headers: {
            authorization: `Bearer ${access_token}`,
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25"
          },
          body: JSON.stringify({
            jsonrpc: "2.0",
            id: 1,
            method: "tools/call",
            params: { name: "waits", arguments: {} }
          })
        }).then(
          () => "answered",
          () => "hung up"
        )
        yield* Effect.promise(() => hungUp.began.promise)
        caller.abort()
        yield* Effect.promise(() => hungUp.aborted.promise)
        assert.strictEqual(yield* Effect.promise(() => gone), "hung up")
        assert.deepEqual((yield* callIn(access_token, "2025-11-25", "roll", { sides: 2 })).result.structuredContent, {
          sum: 2
        })
      })
    )
  })
}

describe("what is logged of a run", () => {
  it.live("TL23 OP5 its own lines and its defects, with the request's id and the tool's name", () =>
    Effect.gen(function* () {
      const logs = yield* capturedLogs
      yield* Effect.gen(function* () {
        const { access_token } = yield* obtainTokens()
        const about = yield* send(access_token, "2025-11-25", "tools/call", { name: "about", arguments: {} })
        const line = yield* logs.find(({ message }) => JSON.stringify(message).includes("asked about"))
        assert.strictEqual(line?.annotations.tool, "about")
        assert.strictEqual(line?.annotations.of, "demo")
        assert.strictEqual(line?.annotations.request_id, about.headers.get("x-request-id"))

        const broken = yield* send(access_token, "2025-11-25", "tools/call", { name: "broken", arguments: {} })
        assert.notInclude(broken.text, "disk")
        const defect = yield* logs.find(({ message }) => JSON.stringify(message).includes("the disk is full"))
        assert.strictEqual(defect?.level, "ERROR")
        assert.strictEqual(defect?.annotations.tool, "broken")
        assert.strictEqual(defect?.annotations.request_id, broken.headers.get("x-request-id"))
      }).pipe(Effect.provide(ownApp({ tools: TOOLS }, { LOG_LEVEL: "info", LOG_FORMAT: "json", DICE_KEY: "a key" })))
    }).pipe(Effect.scoped)
  )
})
