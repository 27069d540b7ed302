import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import { modernUpstream } from "../../support/modernUpstream.ts"
import { aMount, somebody, textOf, upstreams } from "../../support/mounts.ts"
import { until } from "../../support/processes.ts"

describe("mounts of the revision of 2026", () => {
  it.live("are found to be, answer, list odd entries as they are, pass on what they ask, and tell what changed", () =>
    Effect.gen(function* () {
      const server = yield* modernUpstream
      const up = yield* upstreams()
      const mount = aMount({ transport: { _tag: "Http", url: server.url, headers: {}, mayBePrivate: true } })
      const heard: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(up.changes, (name) => Effect.sync(() => heard.push(name))),
        {
          startImmediately: true
        }
      )

      const found = yield* up.discover(mount, somebody())
      assert.strictEqual(found.protocolVersion, "2026-07-28")
      assert.deepEqual(found.serverInfo, { name: "modern", version: "2.0.0" })
      assert.deepEqual(found.tools.slice(2), [{ name: 7 }, null])
      assert.lengthOf(found.tools, 4)

      assert.strictEqual(textOf(yield* up.call(mount, "echo")), "back")
      const ask = { name: "ask", arguments: {} }
      const asked = yield* up.request(mount, somebody(), "tools/call", ask, { mayAsk: { elicitation: { form: {} } } })
      assert.strictEqual(asked.resultType, "input_required")
      assert.nestedProperty(asked, "inputRequests.name")

      // Whose client cannot be asked is told so by the mount.
      const refused = yield* Effect.flip(up.request(mount, somebody(), "tools/call", ask))
      assert.strictEqual(refused._tag, "UpstreamRefused")

      yield* until(() => server.methods.includes("subscriptions/listen"), "a subscription")
      yield* Effect.suspend(() => {
        server.changed()
        return heard.length > 0 ? Effect.void : Effect.fail("nothing was heard")
      }).pipe(Effect.retry({ times: 200, schedule: Schedule.spaced("100 millis") }))
      assert.include(heard, "odd")
      assert.notInclude(server.methods, "initialize")
    }).pipe(Effect.scoped)
  )
})
