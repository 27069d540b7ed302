import { existsSync, readFileSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { misbehaving, reference, somebody, textOf, upstreams } from "../../support/mounts.ts"
import { until } from "../../support/processes.ts"

const surroundingsOf = (result: Record<string, unknown>) =>
  JSON.parse(textOf(result)) as { env: Record<string, string>; cwd: string; pid: number; argv: Array<string> }

/** What an entry says for the directory of its child. */
const DIRECTORY = ["$", "{directory}"].join("")

describe("children of mounts", () => {
  it.live("know what any program needs and what their entry says, and nothing of ours", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, { ...up.env, API_KEY: "their own", HERE: `${DIRECTORY}/files` })
      const { env, cwd } = surroundingsOf(yield* up.call(mount, "surroundings"))
      assert.sameMembers(
        // What the system itself adds to a process is not ours to say.
        Object.keys(env).filter((name) => name !== "__CF_USER_TEXT_ENCODING"),
        ["PATH", "LANG", "TMPDIR", "API_KEY", "HERE", ...Object.keys(up.env)]
      )
      assert.strictEqual(env.API_KEY, "their own")
      assert.strictEqual(env.HERE, `${cwd}/files`)
      assert.strictEqual(env.TMPDIR, cwd)
    }).pipe(Effect.scoped)
  )

  it.live("have a directory of their own that goes with them, closed to others", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      const { cwd } = surroundingsOf(yield* up.call(mount, "surroundings"))
      assert.strictEqual(dirname(cwd), tmpdir())
      assert.strictEqual(statSync(cwd).mode & 0o777, 0o700)
      yield* up.restart(mount.name)
      assert.isFalse(existsSync(cwd))
    }).pipe(Effect.scoped)
  )

  it.live("keep their directory if the entry says so, one for each person", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], { keep: true, session: "person" }, up.env)
      const of = (subject: string) => Effect.map(up.call(mount, "surroundings", {}, somebody(subject)), surroundingsOf)
      const [ada, bob] = [yield* of("ada"), yield* of("bob")]
      assert.notStrictEqual(ada.cwd, bob.cwd)
      assert.isTrue(ada.cwd.startsWith(`${up.folder}/servers/odd/`))
      assert.notInclude(ada.cwd, "ada")
      assert.strictEqual(statSync(ada.cwd).mode & 0o777, 0o700)
      yield* up.restart(mount.name)
      const again = yield* of("ada")
      assert.strictEqual(again.cwd, ada.cwd)
      assert.notStrictEqual(again.pid, ada.pid)
    }).pipe(Effect.scoped)
  )

  it.live("work in that directory alone, if their arguments name it", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = reference("filesystem", [DIRECTORY], {}, up.env)
      const [, directory = ""] = textOf(yield* up.call(mount, "list_allowed_directories")).split("\n")
      const path = `${directory}/note.txt`
      yield* up.call(mount, "write_file", { path, content: "mine" })
      assert.strictEqual(readFileSync(path, "utf8"), "mine")
      const refused = yield* up.call(mount, "read_text_file", { path: `${up.folder}/elsewhere.txt` })
      assert.isTrue(refused.isError)
    }).pipe(Effect.scoped)
  )

  it.live("never work two at a time in a directory that is kept", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["ignores the end of stdin"], { keep: true, session: "person" }, up.env)
      const before = surroundingsOf(yield* up.call(mount, "surroundings"))
      yield* Effect.forkChild(up.restart(mount.name), { startImmediately: true })
      const after = surroundingsOf(yield* up.call(mount, "surroundings"))
      assert.strictEqual(after.cwd, before.cwd)
      assert.deepEqual(up.processes(), [after.pid])
    }).pipe(Effect.scoped)
  )

  it.live("get their arguments without a shell", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      assert(mount.transport._tag === "Stdio")
      const args = [...mount.transport.args, "$(touch pwned); `id` && *", DIRECTORY]
      const { argv, cwd } = surroundingsOf(
        yield* up.call({ ...mount, transport: { ...mount.transport, args } }, "surroundings")
      )
      assert.deepEqual(argv.slice(2), ["$(touch pwned); `id` && *", cwd])
    }).pipe(Effect.scoped)
  )

  it.live("are gone with their own children, though none of them hears SIGTERM or the end of stdin", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["ignores SIGTERM", "ignores the end of stdin", "starts a grandchild"], {}, up.env)
      yield* up.call(mount, "echo", { text: "here" })
      assert.lengthOf(up.processes(), 2)
      yield* up.restart(mount.name)
      assert.deepEqual(up.processes(), [])
    }).pipe(Effect.scoped)
  )

  it.live("are gone with their own children when they ended by themselves", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["ends and leaves the grandchild"], {}, up.env)
      yield* Effect.exit(up.call(mount, "never"))
      yield* until(() => up.processes().length === 0, "a grandchild stays")
    }).pipe(Effect.scoped)
  )

  it.live("are gone when the scope is closed, also while they start", () =>
    Effect.gen(function* () {
      const processes = yield* Effect.gen(function* () {
        const up = yield* upstreams()
        yield* up.call(misbehaving(["ignores SIGTERM"], { name: "one" }, up.env), "echo", {})
        yield* Effect.forkChild(
          Effect.exit(up.call(misbehaving(["never starts"], { name: "two" }, up.env), "echo", {}))
        )
        yield* until(() => up.processes().length === 2, "two children")
        return up.processes
      }).pipe(Effect.scoped)
      assert.deepEqual(processes(), [])
    })
  )

  it.live("that write text among their messages are understood, and the text is kept for the owner", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving(["writes text first"], {}, up.env)
      yield* up.call(mount, "print", { text: "in between" })
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "back" })), "back")
      assert.includeMembers([...up.stderr(mount.name)], ["Welcome!", "{not json", "in between"])
    }).pipe(Effect.scoped)
  )

  it.live("that write without end to stderr leave the last 200 lines, each cut, without the entry's secrets", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, { ...up.env, KEY: "s3cr3t-value" })
      yield* up.call(mount, "flood", { lines: 5000, width: 100 })
      yield* up.call(mount, "say", { text: `${"z".repeat(8 * 1024 - 5)}s3cr3t-value` })
      yield* up.call(mount, "say", { text: "\u001b[31mthe key is s3cr3t-value\u001b[0m\u202e" })
      yield* until(() => up.stderr(mount.name).at(-1)?.startsWith("the key") === true, "the last line")
      const lines = up.stderr(mount.name)
      assert.lengthOf(lines, 200)
      assert.strictEqual(lines.at(-1), "the key is ***")
      assert.isAtMost(lines.at(-2)?.length ?? 0, 8 * 1024)
      assert.notInclude(lines.join(), "s3cr3t")
      assert.match(lines[0] ?? "", /^line 48/)
    }).pipe(Effect.scoped)
  )

  it.live("pass what is large, and are ended for what is too large, in words", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = misbehaving([], {}, up.env)
      assert.lengthOf(textOf(yield* up.call(mount, "large", { bytes: 5_000_000 })), 5_000_000)
      const failure = yield* Effect.flip(up.call(mount, "large", { bytes: 17_000_000 }))
      assert.strictEqual(failure._tag, "UpstreamUnavailable")
      assert.match(failure.message, /^Odd server sent a message of more than 16 MiB/)
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "anew" })), "anew")
    }).pipe(Effect.scoped)
  )

  it.live(
    "are gone after a thousand calls, a storm of cancellations, a crash and a restart",
    () =>
      Effect.gen(function* () {
        const up = yield* upstreams()
        const mount = reference("everything", [], {}, up.env)
        yield* up.call(mount, "echo", { message: "here" })
        const baseline = up.processes().length
        yield* Effect.forEach(Array.from({ length: 1000 }), () => up.call(mount, "echo", { message: "again" }), {
          concurrency: 16,
          discard: true
        })
        const long = () => up.call(mount, "trigger-long-running-operation", { duration: 60, steps: 1 })
        const storm = yield* Effect.forEach(Array.from({ length: 200 }), () => Effect.forkChild(long()))
        yield* up.call(mount, "echo", { message: "during" })
        yield* Effect.forEach(storm, Fiber.interrupt, { discard: true })
        yield* up.call(mount, "echo", { message: "after" })
        assert.lengthOf(up.processes(), baseline)
        yield* Effect.sync(() => process.kill(up.processes()[0] ?? 0, "SIGKILL"))
        yield* Effect.exit(up.call(mount, "echo", { message: "perhaps too late" }))
        yield* up.call(mount, "echo", { message: "anew" })
        yield* until(() => up.processes().length === baseline, "as many as before")
        yield* up.restart(mount.name)
        assert.deepEqual(up.processes(), [])
      }).pipe(Effect.scoped, Effect.timeout(Duration.seconds(100))),
    120_000
  )
})
