import { spawn } from "node:child_process"
import { Agent, createServer, request as httpRequest } from "node:http"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { freePort, TestApp } from "../support/app.ts"
import {
  admitted,
  call,
  exchange,
  messageOf,
  obtainCode,
  obtainTokens,
  REDIRECT_URI,
  refresh
} from "../support/client.ts"
import { migratedDatabaseUrl } from "../support/postgres.ts"
import { postgresProxy } from "../support/postgresProxy.ts"
import { until } from "../support/processes.ts"
import { ready, run, said, start, temporaryFolder } from "../support/program.ts"

/** A server of its own with its data in `dataDir`, ready to answer. */
const serve = Effect.fn("test.serve")(function* (
  dataDir: string,
  variables: Readonly<Record<string, string>> = {},
  runner: "node" | "tsx" = "node"
) {
  const port = Number(variables.PORT ?? (yield* freePort))
  const program = yield* start("main.ts", { PORT: String(port), DATA_DIR: dataDir, ...variables }, { runner })
  const baseUrl = `http://localhost:${port}`
  yield* ready(baseUrl, program)
  // The steps of a client need only the address.
  const app = { baseUrl, port } as TestApp["Service"]
  return {
    program,
    baseUrl,
    port,
    on: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, TestApp, app)
  }
})

/** Starts take half a minute each where other work has the cores. */
const options = { timeout: 300_000 }

describe("the server as a program", () => {
  it.live(
    "starts with nothing set, says what to do next, serves a whole flow and ends on SIGTERM with 0, under tsx",
    () =>
      Effect.gen(function* () {
        const { program, baseUrl, on } = yield* serve(yield* temporaryFolder, {}, "tsx")
        const { access_token } = yield* on(obtainTokens())
        const answer = yield* on(call(access_token, "calculator", { expression: "2^10" }))
        assert.strictEqual(messageOf(answer).result.structuredContent.result, "1024")
        for (const said of [`${baseUrl}/mcp`, `${baseUrl}/authorize`, `${baseUrl}/token`, "Client id       demo"]) {
          assert.include(program.output(), said)
        }
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
      }),
    options
  )

  it.live(
    "goes on where the database fails it at its first words, once it is listening, and says so",
    () =>
      Effect.gen(function* () {
        const url = new URL(yield* migratedDatabaseUrl)
        const network = yield* postgresProxy(url.hostname, Number(url.port))
        url.port = String(network.port)
        network.decide((statement) => (statement.includes("insert into mcp.links") ? "unsent" : "passed"))
        const { program, on } = yield* serve(yield* temporaryFolder, {
          DATABASE_URL: url.href,
          AUTO_SEED_CLIENT_ID: "demo",
          AUTO_SEED_REDIRECT_URIS: REDIRECT_URI
        })
        yield* said(program, /owner:link.*the database did not answer: /s)
        assert.isTrue(yield* on(admitted((yield* on(obtainTokens())).access_token)))
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
      }),
    options
  )

  it.live(
    "OP3, OP4 what was granted survives a stop and kill -9, and what was rotated stays retired",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        // The address is part of every grant, so it stays.
        const address = { PORT: String(yield* freePort) }
        const first = yield* serve(folder, address)
        const before = yield* first.on(obtainTokens())
        first.program.process.kill("SIGTERM")
        assert.strictEqual(yield* first.program.exited, 0)

        const second = yield* serve(folder, address)
        assert.isTrue(yield* second.on(admitted(before.access_token)))
        const rotated = yield* second.on(refresh(before.refresh_token))
        assert.strictEqual(rotated.status, 200)
        second.program.process.kill("SIGKILL")
        yield* second.program.exited

        const third = yield* serve(folder, address)
        assert.isTrue(yield* third.on(admitted(rotated.body.access_token)))
        assert.strictEqual((yield* third.on(refresh(before.refresh_token))).body.error, "invalid_grant")
        assert.isFalse(yield* third.on(admitted(rotated.body.access_token)))
      }),
    options
  )

  it.live(
    "a second process on the same data is refused with a sentence, and the first goes on",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { on } = yield* serve(folder)
        for (const entry of ["main.ts", "app/programs/cleanupRun.ts"]) {
          const second = yield* run(entry, { PORT: String(yield* freePort), DATA_DIR: folder })
          assert.strictEqual(second.code, 1)
          assert.include(second.output, "another process is using the embedded database")
        }
        assert.isTrue(yield* on(admitted((yield* on(obtainTokens())).access_token)))
      }),
    options
  )

  it.live(
    "OP9 an unusable configuration ends with 1 and names every variable",
    () =>
      Effect.gen(function* () {
        const { code, output } = yield* run("main.ts", {
          PORT: "x",
          BASE_URL: "http://gate.example",
          AUTO_APPROVE: "true"
        })
        assert.strictEqual(code, 1)
        for (const name of ["PORT", "BASE_URL", "AUTO_APPROVE"]) assert.include(output, `  - ${name} `)
        const redirect = {
          AUTO_SEED_CLIENT_ID: "x",
          AUTO_SEED_REDIRECT_URIS: "http://x.example/cb",
          DATA_DIR: yield* temporaryFolder
        }
        const seeded = yield* run("main.ts", redirect)
        assert.strictEqual(seeded.code, 1)
        assert.include(seeded.output, "AUTO_SEED_REDIRECT_URIS")
      }),
    options
  )

  it.live(
    "OP8 on SIGTERM a request in flight is answered, and so is a new one on an open connection, unless that was closed",
    () =>
      Effect.gen(function* () {
        const upstream = yield* patientUpstream
        const variables = { WEATHER_FORECAST_URL: `${upstream.url}/v1/forecast` }
        const { program, baseUrl, port, on } = yield* serve(yield* temporaryFolder, variables)
        const { access_token } = yield* on(obtainTokens())
        const events: Array<string> = []
        // As browsers open them in advance.
        const unused = connect(port, "localhost").on("close", () => events.push("unused connection closed"))
        yield* Effect.addFinalizer(() => Effect.sync(() => unused.destroy()))
        const inFlight = yield* Effect.forkChild(on(call(access_token, "get_weather", { latitude: 1, longitude: 2 })))
        const open = yield* keptConnection(baseUrl)
        yield* Deferred.await(upstream.asked)
        program.process.kill("SIGTERM")
        yield* said(program, /shutting down/)
        assert.include([200, 0], yield* open("/.well-known/oauth-authorization-server"))
        yield* until(() => events.length > 0, "the unused connection stays open")
        yield* Deferred.succeed(upstream.answers, undefined)
        const answer = yield* Fiber.join(inFlight)
        events.push("answered")
        assert.strictEqual(answer.status, 200)
        assert.isDefined(messageOf(answer).result)
        assert.strictEqual(yield* program.exited, 0)
        assert.deepStrictEqual(events, ["unused connection closed", "answered"])
      }),
    options
  )

  it.live(
    "OP5 no token, code, verifier, secret or state is in the log at its most talkative, nor raw in the database",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const secret = "canary-secret-of-a-person"
        const { program, on } = yield* serve(folder, {
          LOG_LEVEL: "trace",
          AUTO_SEED_CLIENT_ID: "demo",
          AUTO_SEED_CLIENT_SECRET: secret,
          AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1/callback"
        })
        const state = "canary-state-0123456789"
        const code = yield* on(obtainCode({ state }))
        const auth = { client_secret: secret }
        yield* on(exchange(code, { ...auth, code_verifier: "x".repeat(43) }))
        const { body } = yield* on(exchange(code, auth))
        const wrong = yield* on(exchange(code, { client_secret: "canary-wrong-secret" }))
        assert.strictEqual(wrong.status, 401)
        const next = yield* on(refresh(body.refresh_token, auth))
        yield* on(refresh(body.refresh_token, auth))
        yield* on(call(next.body.access_token, "calculator", { expression: "1" }))
        const canaries = [
          secret,
          "canary-wrong-secret",
          state,
          code.code,
          code.verifier,
          body.access_token,
          body.refresh_token,
          next.body.access_token,
          next.body.refresh_token
        ]
        program.process.kill("SIGTERM")
        yield* program.exited
        assert.include(program.output(), "/token")
        for (const canary of canaries) assert.notInclude(program.output(), canary)
        const held = yield* filesHold(folder, canaries)
        assert.deepStrictEqual(held, [])
      }),
    options
  )
})

/** Which of the words stand anywhere in the files of a folder. */
const filesHold = (folder: string, words: ReadonlyArray<string>) =>
  Effect.forEach(words, (word) =>
    Effect.callback<ReadonlyArray<string>>((resume) => {
      const grep = spawn("grep", ["-raqF", "-e", word, folder])
      grep.once("close", (code) => resume(Effect.succeed(code === 0 ? [word] : [])))
    })
  ).pipe(Effect.map((found) => found.flat()))

/** Says when it was asked for a forecast, and answers when it is told to. */
const patientUpstream = Effect.gen(function* () {
  const asked = yield* Deferred.make<void>()
  const answers = yield* Deferred.make<void>()
  const server = createServer((_request, response) => {
    Deferred.doneUnsafe(asked, Effect.void)
    Effect.runFork(
      Effect.andThen(
        Deferred.await(answers),
        Effect.sync(() => response.writeHead(404).end())
      )
    )
  })
  const url = yield* Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`))
      })
    }),
    () => Effect.sync(() => void server.close())
  )
  return { url, asked, answers }
})

/** A connection that is open before the shutdown; a path on it answers its status, or 0 when it was closed. */
const keptConnection = Effect.fn("test.keptConnection")(function* (baseUrl: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const get = (path: string) =>
    Effect.callback<number>((resume) => {
      const outgoing = httpRequest(new URL(path, baseUrl), { agent }, (response) => {
        response.resume()
        response.once("end", () => resume(Effect.succeed(response.statusCode ?? 0)))
      })
      outgoing.once("error", () => resume(Effect.succeed(0)))
      outgoing.end()
    })
  yield* get("/healthz")
  yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
  return get
})
