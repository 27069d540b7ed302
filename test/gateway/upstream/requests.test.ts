import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Stream } from "effect"
import { misbehaving, reference, somebody, textOf, upstreams } from "../../support/mounts.ts"
import { until } from "../../support/processes.ts"

const countsOf = (result: Record<string, unknown>) =>
  JSON.parse(textOf(result)) as { calls: number; cancelled: number; waiting: number }

describe("requests to mounts", () => {
  it.live("discover all pages, and odd entries as they are", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const found = yield* up.discover(misbehaving([], {}, up.env), somebody())
      assert.deepEqual(found.serverInfo, { name: "misbehaving", version: "1.0.0", title: "Misbehaving" })
      assert.strictEqual(found.instructions, "Obey.")
      assert.strictEqual(found.protocolVersion, "2025-11-25")
      assert.lengthOf(found.tools, 6)
      assert.isNull(found.tools[3])
      assert.deepInclude(found.tools.at(-1), { name: "last" })
      // It names the capability, and has no such list; it does not name resources.
      assert.deepEqual([found.prompts, found.resources, found.resourceTemplates], [[], [], []])
    }).pipe(Effect.scoped)
  )

  it.live("discover a real server whole", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const found = yield* up.discover(reference("everything", [], {}, up.env), somebody())
      assert.deepEqual(
        [found.tools.length, found.prompts.length, found.resources.length, found.resourceTemplates.length],
        [13, 4, 7, 2]
      )
    }).pipe(Effect.scoped)
  )

  it.live("that take too long are refused in words, and cancelled there", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      yield* up.call(mount, "echo", {})
      const failure = yield* Effect.flip(up.call({ ...mount, timeout: Duration.millis(1500) }, "never"))
      assert.strictEqual(failure._tag, "UpstreamTooSlow")
      assert.strictEqual(failure.message, "Odd server did not answer within 1s 500ms.")
      const counts = countsOf(yield* up.call(mount, "count"))
      assert.deepInclude(counts, { cancelled: 1, waiting: 0 })
    }).pipe(Effect.scoped)
  )

  it.live("whose caller is gone are cancelled there, and the caller waits for nobody", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      yield* up.call(mount, "echo", {})
      const callers = yield* Effect.forEach(Array.from({ length: 200 }), () =>
        Effect.forkChild(up.call(mount, "never"), { startImmediately: true })
      )
      assert.strictEqual(countsOf(yield* up.call(mount, "count")).waiting, 200)
      yield* Effect.forEach(callers, Fiber.interrupt, { discard: true })
      const counts = countsOf(yield* up.call(mount, "count"))
      assert.deepInclude(counts, { cancelled: 200, waiting: 0 })
      assert.lengthOf(up.processes(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("hear of progress under a token of ours, and pass on none of the caller's", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      const heard: Array<unknown> = []
      const _meta = { progressToken: "the caller's", "io.modelcontextprotocol/clientInfo": { name: "x" }, other: 1 }
      const params = { name: "progress", arguments: {}, _meta }
      yield* up.request(mount, somebody(), "tools/call", params, {
        onProgress: (done, total, text) => heard.push([done, total, text])
      })
      assert.deepEqual(heard, [
        [1, 3, "step 1"],
        [2, 3, "step 2"],
        [3, 3, "step 3"]
      ])
      const meta = yield* up.request(mount, somebody(), "tools/call", { ...params, name: "meta" })
      assert.strictEqual(textOf(meta), JSON.stringify({ other: 1 }))
    }).pipe(Effect.scoped)
  )

  it.live("that a server refuses say so in its words, cleaned, and with its code", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, { ...up.env, KEY: "s3cr3t-value" })
      const failure = yield* Effect.flip(
        up.call(mount, "refuse", { words: `no\u202e\u001b[31m s3cr3t-value ${"x".repeat(2000)}` })
      )
      assert(failure._tag === "UpstreamRefused")
      assert.strictEqual(failure.code, -32050)
      assert.match(failure.message, /^Odd server: no \*\*\* x+…$/)
      assert.isAtMost(failure.message.length, 520)
    }).pipe(Effect.scoped)
  )

  it.live("that a server makes of a client are refused in words: sampling, roots, elicitation", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["asks at once"], {}, up.env)
      const answers = yield* up.call(mount, "asked").pipe(
        Effect.map((asked) => JSON.parse(textOf(asked)) as Record<string, { code: number; message: string }>),
        Effect.repeat({ until: (asked) => Object.keys(asked).length === 3 })
      )
      assert.sameMembers(Object.keys(answers), ["sampling/createMessage", "roots/list", "elicitation/create"])
      for (const { code, message } of Object.values(answers)) {
        assert.strictEqual(code, -32601)
        assert.match(message, /answers none itself/)
      }
    }).pipe(Effect.scoped)
  )

  it.live("that cannot have run are sent once more, and those that may have run are not", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      const lost = yield* Effect.flip(up.call(mount, "die-once", { flag: `${up.folder}/one` }))
      assert.strictEqual(lost._tag, "UpstreamUnavailable")
      assert.match(lost.message, /^Odd server ended by itself before it answered/)
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "anew" })), "anew")
      const repeated = yield* up.request(
        mount,
        somebody(),
        "tools/call",
        { name: "die-once", arguments: { flag: `${up.folder}/two` } },
        { isRepeatable: true }
      )
      assert.strictEqual(textOf(repeated), "alive")
    }).pipe(Effect.scoped)
  )

  it.live("to a child that hangs end it, and the next one has another", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["is silent"], {}, up.env)
      yield* up.call(mount, "echo", {})
      const [before] = up.processes()
      yield* Effect.flip(up.call({ ...mount, timeout: Duration.seconds(1) }, "never"))
      // Its silence is heard after a while; it answers other requests until then.
      yield* until(() => up.processes()[0] !== before, "the child that is silent is still there")
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "x" })), "x")
    }).pipe(Effect.scoped)
  )

  it.live("to one mount wait for no other", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const hung = misbehaving([], { name: "hung" }, up.env)
      const other = misbehaving([], { name: "other" }, up.env)
      const starting = misbehaving(["never starts"], { name: "starting" }, up.env)
      yield* up.call(hung, "echo", {})
      yield* up.call(other, "echo", {})
      yield* Effect.forEach([hung, hung, hung, starting], (mount) =>
        Effect.forkChild(Effect.exit(up.call(mount, mount === hung ? "hang" : "echo")))
      )
      assert.strictEqual(textOf(yield* up.call(other, "echo", { text: "here" })), "here")
    }).pipe(Effect.scoped)
  )

  it.live("are told when a mount says that its lists are others now, once for many notifications", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      const heard: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(up.changes, (name) => Effect.sync(() => heard.push(name))),
        { startImmediately: true }
      )
      for (let time = 0; time < 20; time++) yield* up.call(mount, "change")
      yield* until(() => heard.length > 0, "a change")
      assert.deepEqual(heard, ["odd"])
    }).pipe(Effect.scoped)
  )

  it.live("to a child that does not read wait in bounded memory, and the next ones are refused", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], { timeout: Duration.minutes(5) }, up.env)
      yield* up.call(mount, "echo")
      yield* Effect.forkChild(Effect.exit(up.call(mount, "hang")), { startImmediately: true })
      const text = "x".repeat(4_000_000)
      const waiting = yield* Effect.forEach(Array.from({ length: 6 }), () =>
        Effect.forkChild(Effect.result(up.call(mount, "echo", { text })), { startImmediately: true })
      )
      yield* until(() => waiting.some((fiber) => fiber.pollUnsafe() !== undefined), "one that is refused")
      assert.isBelow(waiting.filter((fiber) => fiber.pollUnsafe() !== undefined).length, 6)
    }).pipe(Effect.scoped)
  )
})
