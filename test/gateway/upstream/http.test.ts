import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { Credentials } from "../../../src/gateway/Credentials.ts"
import { SignInNeeded } from "../../../src/gateway/failures.ts"
import { isPublicAddress } from "../../../src/net/specialUse.ts"
import { freePort } from "../../support/app.ts"
import { misbehavingHttp } from "../../support/misbehavingHttp.ts"
import { aMount, somebody, textOf, upstreams } from "../../support/mounts.ts"
import { until } from "../../support/processes.ts"
import { spawned } from "../../support/program.ts"

/** Tokens of people at a mount: each may be renewed once. */
const tokens = (known: Record<string, ReadonlyArray<string>>) => {
  const renewals: Array<string> = []
  const layer = Layer.succeed(
    Credentials,
    Credentials.of({
      tokenOf: ({ name }, subject) => {
        const token = known[subject]?.[0]
        return token === undefined
          ? Effect.fail(new SignInNeeded({ mount: name }))
          : Effect.succeed(Redacted.make(token))
      },
      renewed: ({ name }, subject, refused) => {
        renewals.push(`${subject}: ${Redacted.value(refused)}`)
        const token = known[subject]?.[1]
        return token === undefined
          ? Effect.fail(new SignInNeeded({ mount: name }))
          : Effect.succeed(Redacted.make(token))
      }
    })
  )
  return { layer, renewals }
}

/** server-everything on a port that is free. */
const everythingOverHttp = Effect.gen(function* () {
  const port = yield* freePort
  const program = yield* spawned(
    [
      process.execPath,
      join(import.meta.dirname, "../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js"),
      "streamableHttp"
    ],
    { PATH: process.env.PATH, PORT: String(port) },
    process.cwd()
  )
  yield* until(() => program.output().includes("listening on port"), "server-everything listens")
  return { port, program }
})

describe("mounts over HTTP", () => {
  it.live("are sent the headers of their entry and our mark, and end their session when it is over", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const up = yield* upstreams()
      const mount = server.mount(
        {},
        { headers: { "X-Key": Redacted.make("k"), "mcp-session-id": Redacted.make("forged") } }
      )
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "back" })), "back")
      yield* up.restart("far")
      assert.deepEqual(server.asked.map(({ verb }) => verb).at(-1), "DELETE")
      assert.strictEqual(server.sessions.size, 0)
      const allowed = [
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "content-type",
        "gatehouse-via",
        "host",
        "mcp-method",
        "mcp-protocol-version",
        "mcp-session-id",
        "sec-fetch-mode",
        "user-agent",
        "x-key"
      ]
      for (const { headers } of server.asked) {
        assert.includeMembers(allowed, Object.keys(headers))
        assert.strictEqual(headers["x-key"], "k")
        assert.strictEqual(headers["gatehouse-via"], "via-mark")
        assert.notStrictEqual(headers["mcp-session-id"], "forged")
      }
    }).pipe(Effect.scoped)
  )

  it.live("that forgot the session get another one, and the request once more", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const up = yield* upstreams()
      yield* up.call(server.mount(), "echo", {})
      server.sessions.clear()
      assert.strictEqual(textOf(yield* up.call(server.mount(), "echo", { text: "anew" })), "anew")
      assert.strictEqual(server.behaviour.sessions, 2)
      // One that forgets each of them is asked once more, and not without end.
      server.behaviour.turn = ({ method }, response) => {
        if (method !== "tools/call") return false
        response.writeHead(404).end()
        return true
      }
      const failure = yield* Effect.flip(up.call(server.mount(), "echo", {}))
      assert.strictEqual(failure.message, "Far server does not know its session any more. Try again later.")
      assert.strictEqual(server.behaviour.sessions, 3)
    }).pipe(Effect.scoped)
  )

  it.live("are asked for the newer revision once, and remembered to speak the older", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const up = yield* upstreams()
      const mount = server.mount({ session: "person" })
      for (const subject of ["ada", "bob", "eve"]) yield* up.call(mount, "echo", {}, somebody(subject))
      assert.lengthOf(
        server.asked.filter(({ method }) => method === "server/discover"),
        1
      )
    }).pipe(Effect.scoped)
  )

  it.live("that are silent to the question for the newer revision are not asked it again", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp(({ method }) => method === "server/discover")
      const up = yield* upstreams()
      const failure = yield* Effect.flip(up.call(server.mount(), "echo", {}))
      assert.strictEqual(failure.message, "Far server did not start: it did not answer in time.")
      yield* up.restart("far")
      assert.strictEqual(textOf(yield* up.call(server.mount(), "echo", { text: "back" })), "back")
    }).pipe(Effect.scoped)
  )

  it.live("that redirect to another host are not followed", () =>
    Effect.gen(function* () {
      const elsewhere = yield* misbehavingHttp()
      const server = yield* misbehavingHttp((_, response) => {
        response.writeHead(307, { location: elsewhere.url }).end()
        return true
      })
      const up = yield* upstreams()
      const mount = server.mount({}, { headers: { "X-Key": Redacted.make("k") } })
      const failure = yield* Effect.flip(up.call(mount, "echo", {}))
      assert.strictEqual(failure._tag, "UpstreamUnavailable")
      assert.notInclude(failure.message, "127.0.0.1")
      assert.deepEqual(elsewhere.asked, [])
    }).pipe(Effect.scoped)
  )

  it.live("in a private network are asked only if their entry may be there, by address and by name", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const up = yield* upstreams({
        web: {
          resolve: (_, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]),
          isPublic: isPublicAddress
        }
      })
      const { port } = new URL(server.url)
      for (const url of [
        `https://127.0.0.1:${port}/`,
        `https://name.example:${port}/`,
        `https://[::ffff:7f00:1]/`,
        server.url
      ]) {
        const mount = server.mount({ fingerprint: url }, { url, mayBePrivate: false })
        const failure = yield* Effect.flip(up.call(mount, "echo", {}))
        assert.strictEqual(
          failure.message,
          "Far server has an address that may not be asked: its owner should look at it.",
          url
        )
      }
      assert.deepEqual(server.asked, [])
    }).pipe(Effect.scoped)
  )

  it.live("where people sign in get the token of this very person", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const { layer, renewals } = tokens({ ada: ["ada-token"], bob: ["bob-token"] })
      const up = yield* upstreams({}, layer)
      const mount = server.mount({ auth: "oauth" })
      yield* up.call(mount, "echo", { text: "ada" }, somebody("ada"))
      yield* up.call(mount, "echo", { text: "bob" }, somebody("bob"))
      const bearers = new Map<unknown, Set<unknown>>()
      for (const { headers } of server.asked) {
        const session = headers["mcp-session-id"]
        bearers.set(session, (bearers.get(session) ?? new Set()).add(headers.authorization))
      }
      assert.deepEqual([...(bearers.get("session-1") ?? [])], ["Bearer ada-token"])
      assert.deepEqual([...(bearers.get("session-2") ?? [])], ["Bearer bob-token"])
      const failure = yield* Effect.flip(up.call(mount, "echo", {}, somebody("eve")))
      assert.deepEqual(failure, new SignInNeeded({ mount: "far" }))
      assert.deepEqual(renewals, [])
    }).pipe(Effect.scoped)
  )

  it.live("that no longer take a token are asked once more with a renewed one, and then the person is", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp((_, response, request) => {
        if (request.headers.authorization === "Bearer good") return false
        response.writeHead(401, { "www-authenticate": 'Bearer resource_metadata="https://evil.example/"' }).end()
        return true
      })
      const { layer, renewals } = tokens({ ada: ["old", "good"], bob: ["old", "old"], eve: ["old"] })
      const up = yield* upstreams({}, layer)
      const mount = server.mount({ auth: "oauth" })
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "in" }, somebody("ada"))), "in")
      for (const subject of ["bob", "eve"]) {
        const before = renewals.length
        const failure = yield* Effect.flip(up.call(mount, "echo", {}, somebody(subject)))
        assert.strictEqual(failure._tag, "SignInNeeded")
        assert.strictEqual(renewals.length, before + 1)
      }
      // It is the person's trouble, and nobody else's.
      assert.strictEqual(textOf(yield* up.call(mount, "echo", { text: "in" }, somebody("ada"))), "in")
    }).pipe(Effect.scoped)
  )

  it.live("that refuse the key of their entry say so", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp((_, response) => {
        response.writeHead(401).end()
        return true
      })
      const up = yield* upstreams()
      const failure = yield* Effect.flip(up.call(server.mount({ auth: "headers" }), "echo", {}))
      assert.match(failure.message, /^Far server refused this server \(401\)/)
    }).pipe(Effect.scoped)
  )

  it.live("stream their answers with progress", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const up = yield* upstreams()
      const heard: Array<number> = []
      const result = yield* up.request(
        server.mount(),
        somebody(),
        "tools/call",
        { name: "stream" },
        {
          onProgress: (done) => heard.push(done)
        }
      )
      assert.strictEqual(textOf(result), "streamed")
      assert.deepEqual(heard, [1, 2])
    }).pipe(Effect.scoped)
  )

  it.live("that break off an answer end the request at once", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const up = yield* upstreams()
      for (const name of ["broken stream", "ended stream"]) {
        const failure = yield* Effect.flip(up.call(server.mount(), name))
        assert.strictEqual(failure.message, "Far server broke off its answer. Try again later.", name)
      }
    }).pipe(Effect.scoped)
  )

  it.live("that answer too much are refused, and not read to the end", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp()
      const up = yield* upstreams()
      assert.lengthOf(textOf(yield* up.call(server.mount(), "large", { bytes: 5_000_000 })), 5_000_000)
      const failure = yield* Effect.flip(up.call(server.mount(), "large", { bytes: 17_000_000 }))
      assert.strictEqual(failure.message, "Far server gave an answer that is too large.")
    }).pipe(Effect.scoped)
  )

  it.live("that are silent hold no connection when the caller is gone, or the time is over", () =>
    Effect.gen(function* () {
      const server = yield* misbehavingHttp(({ params }) => params?.name === "silent")
      const up = yield* upstreams()
      const mount = server.mount()
      yield* up.call(mount, "echo", {})
      for (const name of ["silent", "silent stream"]) {
        const caller = yield* Effect.forkChild(up.call(mount, name), { startImmediately: true })
        yield* until(() => server.open.size === 1, "the request is there")
        yield* Fiber.interrupt(caller)
        yield* until(() => server.open.size === 0, "the connection is closed")
        const failure = yield* Effect.flip(up.call({ ...mount, timeout: Duration.millis(500) }, name))
        assert.strictEqual(failure._tag, "UpstreamTooSlow")
        yield* until(() => server.open.size === 0, "the connection is closed")
      }
      // It answers a ping, so its session is kept.
      assert.strictEqual(server.behaviour.sessions, 1)
    }).pipe(Effect.scoped)
  )

  it.live("that are not there are told apart from those that are, and asked no more after a while", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const mount = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* misbehavingHttp()
          yield* up.call(server.mount(), "echo", {})
          return server.mount()
        })
      )
      const messages: Array<string> = []
      for (let time = 0; time < 6; time++) messages.push((yield* Effect.flip(up.call(mount, "echo", {}))).message)
      assert.strictEqual(messages[1], "Far server could not be reached. Try again later.")
      assert.match(messages[5] ?? "", /^Far server did not answer several times in a row/)
    }).pipe(Effect.scoped)
  )

  it.live("that are real: all that server-everything offers, its sessions, and its end", () =>
    Effect.gen(function* () {
      const up = yield* upstreams()
      const { port, program } = yield* everythingOverHttp
      const mount = aMount({
        name: "every",
        title: "Everything",
        session: "person",
        transport: { _tag: "Http", url: `http://127.0.0.1:${port}/mcp`, headers: {}, mayBePrivate: true }
      })
      const found = yield* up.discover(mount, somebody())
      assert.deepEqual([found.tools.length, found.prompts.length, found.resources.length], [13, 4, 7])
      const heard: Array<number> = []
      yield* up.request(
        mount,
        somebody(),
        "tools/call",
        { name: "trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } },
        { onProgress: (done) => heard.push(done) }
      )
      assert.deepEqual(heard, [1, 2, 3])
      program.process.kill("SIGKILL")
      yield* program.exited
      const failure = yield* Effect.flip(up.call(mount, "echo", { message: "x" }))
      assert.strictEqual(failure._tag, "UpstreamUnavailable")
    }).pipe(Effect.scoped)
  )
})
