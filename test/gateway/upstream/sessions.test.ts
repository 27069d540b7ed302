import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Schedule } from "effect"
import { SessionLimits } from "../../../src/gateway/upstream/session.ts"
import { misbehaving, reference, somebody, textOf, upstreams } from "../../support/mounts.ts"
import { until } from "../../support/processes.ts"

/** What an entry says for the directory of its child. */
const DIRECTORY = ["$", "{directory}"].join("")

const limitsOf = (perMount: number, perSubject: number, all: number) => ({
  Stdio: { perMount, perSubject, all },
  Http: { perMount, perSubject, all },
  age: Duration.hours(24)
})

describe("sessions of mounts", () => {
  it.live("are one for all, one for each person, or one for each chat, as the entry says", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const callers = [
        somebody("ada", "g1", "c1"),
        somebody("ada", "g1", "c2"),
        somebody("ada", "g2", "c1"),
        somebody("bob", "g3", "c1")
      ]
      for (const [session, expected] of [
        ["shared", 1],
        ["person", 2],
        ["chat", 4]
      ] as const) {
        const mount = misbehaving([], { name: session, session }, up.env)
        yield* Effect.forEach([...callers, ...callers], (whose) => up.call(mount, "echo", {}, whose), {
          concurrency: "unbounded"
        })
        assert.lengthOf(up.processes(), expected, session)
        yield* up.restart(session)
      }
    }).pipe(Effect.scoped)
  )

  it.live("are a person's where people sign in at the mount, though the entry says that all share one", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], { auth: "oauth" }, up.env)
      for (const subject of ["ada", "bob"]) yield* up.call(mount, "echo", {}, somebody(subject))
      assert.lengthOf(up.processes(), 2)
    }).pipe(Effect.scoped)
  )

  it.live("of two people know nothing of each other, at the same time", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = reference(
        "memory",
        [],
        { session: "person" },
        { ...up.env, MEMORY_FILE_PATH: `${DIRECTORY}/m.json` }
      )
      const people = ["ada", "bob"]
      const entity = (name: string) => ({
        entities: [{ name, entityType: "person", observations: [`${name} was here`] }]
      })
      // One after the other for each: the server itself loses what is written at once.
      yield* Effect.forEach(
        people,
        (name) =>
          Effect.forEach(Array.from({ length: 5 }), (_, time) =>
            up.call(mount, "create_entities", entity(`${name}-${time}`), somebody(name))
          ),
        { concurrency: "unbounded" }
      )
      const graphs = yield* Effect.forEach(people, (name) => up.call(mount, "read_graph", {}, somebody(name)), {
        concurrency: "unbounded"
      })
      const [ada = "", bob = ""] = graphs.map(textOf)
      assert.include(ada, "ada-4")
      assert.notInclude(ada, "bob")
      assert.include(bob, "bob-0")
      assert.notInclude(bob, "ada")
    }).pipe(Effect.scoped)
  )

  it.live("that nobody used for a while are ended, and made anew when they are needed", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], { idle: Duration.millis(300) }, up.env)
      yield* up.call(mount, "echo", {})
      yield* until(() => up.processes().length === 0, "the child is still there")
      // The session is over a moment after its process.
      yield* Effect.repeat(up.status, { until: (all) => all.length === 0, schedule: Schedule.spaced("20 millis") })
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "anew" })), "anew")
    }).pipe(Effect.scoped)
  )

  it.live("are not idle while somebody waits for an answer", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], { idle: Duration.millis(100) }, up.env)
      assert.strictEqual(textOf(yield* up.call(mount, "late", { millis: 1000 })), "late")
    }).pipe(Effect.scoped)
  )

  it.live("that are old are ended", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      yield* up.call(mount, "echo", {})
      yield* until(() => up.processes().length === 0, "the child is still there")
    }).pipe(Effect.provideService(SessionLimits, { ...limitsOf(9, 9, 9), age: Duration.seconds(1) }), Effect.scoped)
  )

  it.live("over the number of a mount, of a person or of all end the one that was idle longest", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], { session: "chat" }, up.env)
      const chat = (name: string) => up.call(mount, "echo", {}, somebody("ada", "g", name))
      yield* chat("one")
      yield* chat("two")
      yield* chat("one")
      yield* chat("three")
      const keys = (yield* up.status).filter(({ state }) => state === "up").map(({ key }) => key.split("\u0000").at(-1))
      assert.sameMembers(keys, ["one", "three"])
      assert.lengthOf(up.processes(), 2)
    }).pipe(Effect.provideService(SessionLimits, limitsOf(9, 2, 9)), Effect.scoped)
  )

  it.live("over the number are refused in words while all are at work", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], { session: "person" }, up.env)
      yield* up.call(mount, "echo", {}, somebody("ada"))
      yield* Effect.forkChild(Effect.exit(up.call(mount, "never", {}, somebody("ada"))), { startImmediately: true })
      const failure = yield* Effect.flip(up.call(mount, "echo", {}, somebody("bob")))
      assert.strictEqual(failure._tag, "UpstreamUnavailable")
      assert.strictEqual(failure.message, "Odd server has too many sessions at work. Try again later.")
      assert.lengthOf(up.processes(), 1)
    }).pipe(Effect.provideService(SessionLimits, limitsOf(1, 9, 9)), Effect.scoped)
  )

  it.live("whose caller left while they start go on for the others", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      const [first, second] = [
        yield* Effect.forkChild(up.call(mount, "echo", { text: "1" }), { startImmediately: true }),
        yield* Effect.forkChild(up.call(mount, "echo", { text: "2" }), { startImmediately: true })
      ]
      first.interruptUnsafe()
      const result = yield* Fiber.join(second)
      assert.strictEqual(textOf(result), "2")
      assert.lengthOf(up.processes(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("that fail to start wait longer each time, and nobody waits in a request", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["dies at start"], {}, up.env)
      const first = yield* Effect.flip(up.call(mount, "echo"))
      assert.match(first.message, /^Odd server ended by itself before it answered|^Odd server did not start/)
      // A slow machine may have waited long enough already: it fails anew, and waits for longer.
      const second = yield* Effect.repeat(Effect.flip(up.call(mount, "echo")), {
        until: ({ message }) => message.includes("Try again in"),
        times: 4
      })
      assert.match(second.message, /^Odd server ended by itself before it answered\. Try again in \d seconds\.$/)
      assert.include(up.stderr("odd").join(), "something is missing")
    }).pipe(Effect.scoped)
  )

  it.live("that failed to start are tried at once after a restart, and they alone wait", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["refuses to start"], { session: "person" }, up.env)
      const of = (subject: string) =>
        Effect.map(Effect.flip(up.call(mount, "echo", {}, somebody(subject))), ({ message }) => message)
      const refused = "Odd server did not start: There is no key."
      assert.strictEqual(yield* of("ada"), refused)
      const waiting = yield* Effect.repeat(of("ada"), {
        until: (message) => message.includes("Try again in"),
        times: 4
      })
      assert.match(waiting, /Try again in \d seconds/)
      // Another person's child is another one.
      assert.strictEqual(yield* of("bob"), refused)
      yield* up.restart(mount.name)
      assert.strictEqual(yield* of("ada"), refused)
    }).pipe(Effect.scoped)
  )

  it.live("that refuse to start say why", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const failure = yield* Effect.flip(up.call(misbehaving(["refuses to start"], {}, up.env), "echo"))
      assert.strictEqual(failure._tag, "UpstreamUnavailable")
      assert.strictEqual(failure.message, "Odd server did not start: There is no key.")
    }).pipe(Effect.scoped)
  )

  it.live("whose program is not there say so, without its path", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      assert(mount.transport._tag === "Stdio")
      const transport = { ...mount.transport, command: "/nowhere/secret-place" }
      const failure = yield* Effect.flip(up.call({ ...mount, transport }, "echo"))
      assert.match(failure.message, /^Odd server did not start: its program.+was not found\.$/)
    }).pipe(Effect.scoped)
  )

  it.live("of another fingerprint replace those of the one before", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      yield* up.call(misbehaving([], {}, up.env), "echo")
      const [before] = up.processes()
      yield* up.call(misbehaving([], { fingerprint: "2" }, { ...up.env, NEW: "x" }), "echo")
      yield* until(() => up.processes().length === 1, "one child")
      assert.notStrictEqual(up.processes()[0], before)
    }).pipe(Effect.scoped)
  )
})
