import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { freePort } from "../support/app.ts"
import { admitted, call, messageOf, refresh } from "../support/client.ts"
import { ADA, at, type Connected, connectApp, setUp, signInAsAda } from "../support/connecting.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { ready, run, said, start, temporaryFolder } from "../support/program.ts"

const options = { timeout: 300_000 }
const SEALING_KEY = "a key of the operator's that seals what is private"

type Settings = Readonly<Record<string, string>>

/** A server over a database, and requests to it. Tokens are good at one address alone. */
const serverOn = Effect.fn("test.serverOn")(function* (database: Settings, port: number) {
  const settings = { ...database, PORT: String(port), RATE_LIMIT_ENABLED: "false", MAX_DELAY_MS: "60000", SEALING_KEY }
  const program = yield* start("main.ts", settings)
  yield* ready(`http://localhost:${port}`, program)
  const on = at(port)
  const stop = Effect.andThen(
    Effect.sync(() => program.process.kill("SIGTERM")),
    program.exited
  )
  return { on, program, stop }
})

const succeeds = Effect.fn("test.succeeds")(function* (entry: string, settings: Settings, ...args: Array<string>) {
  const { code, output } = yield* run(entry, { SEALING_KEY, ...settings }, args)
  assert.strictEqual(code, 0, output)
  return output
})
const refused = Effect.fn("test.refused")(function* (entry: string, settings: Settings, ...args: Array<string>) {
  const { code, output } = yield* run(entry, { SEALING_KEY, ...settings }, args)
  assert.strictEqual(code, 1, output)
  assert.notMatch(output, /\n\s+at /)
  return output
})

/** The next tokens of an app, which work. */
const goOn = Effect.fn("test.goOn")(function* ({ client_id, refresh_token }: Connected) {
  const next = yield* refresh(refresh_token, { client_id })
  assert.strictEqual(next.status, 200, next.text)
  const answer = yield* call(next.body.access_token, "calculator", { expression: "6*7" })
  assert.strictEqual(messageOf(answer).result.structuredContent.result, "42")
  return { client_id, ...next.body } as Connected
})

describe("backup and restore", () => {
  it.live(
    "a copy is made while an embedded server works; after the loss people sign in, link and call, and no session of then is revived; the copy holds no secret",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [data, file] = [{ DATA_DIR: join(folder, "data") }, join(folder, "a.copy.gz")]
        const port = yield* freePort
        assert.include(yield* refused("app/programs/backup.ts", data, file), "there is no Gatehouse")

        const before = yield* serverOn(data, port)
        const [, code = ""] = yield* said(before.program, /\/setup#(\S+)/)
        yield* before.on(setUp(code))
        const cookie = yield* before.on(signInAsAda)
        const seen: Array<string> = [ADA.password, code, cookie.split("=").at(-1) ?? ""]
        const idle = yield* before.on(connectApp(cookie))
        // Others work as the copies are made.
        let turns = 0
        const apps = yield* Effect.forEach([1, 2, 3], () => before.on(connectApp(cookie)))
        const working = yield* Effect.forEach(
          apps,
          (app) =>
            Effect.gen(function* () {
              for (let tokens = app; ; turns++) {
                tokens = yield* goOn(tokens)
                seen.push(tokens.access_token, tokens.refresh_token)
              }
            }).pipe(before.on),
          { concurrency: "unbounded" }
        ).pipe(Effect.forkScoped)
        for (const _ of [1, 2, 3]) {
          const been = turns
          const output = yield* succeeds("app/programs/backup.ts", data, file)
          assert.match(output, /a\.copy\.gz: \d+ rows, as of 20/)
          assert.isAbove(turns, been)
        }
        yield* Fiber.interrupt(working)
        assert.strictEqual(statSync(file).mode & 0o777, 0o600)
        const text = gunzipSync(readFileSync(file)).toString("utf8")
        assert.include(text, ADA.email)
        for (const secret of [...seen, idle.access_token, idle.refresh_token, SEALING_KEY]) {
          assert.notInclude(text, secret)
          assert.notInclude(text, Buffer.from(secret).toString("hex"))
        }
        const verified = yield* succeeds("app/programs/backup.ts", {}, "verify", file)
        assert.match(verified, /people +1\n/)
        assert.match(verified, /keys of ID tokens: 2 of 2 open/)
        assert.include(
          yield* refused("app/programs/backup.ts", { SEALING_KEY: "x".repeat(40) }, "verify", file),
          "2 of 2 keys of ID tokens do not open with the SEALING_KEY"
        )

        // Nothing is put under the feet of a server that runs.
        assert.include(yield* refused("app/programs/restore.ts", data, "--replace", file), "another process is using")
        assert.isTrue(yield* before.on(admitted(idle.access_token)))
        yield* before.stop
        assert.include(yield* refused("app/programs/restore.ts", data, file), "the database is not empty")
        rmSync(data.DATA_DIR, { recursive: true })

        const output = yield* succeeds("app/programs/restore.ts", data, file)
        assert.include(output, "ended 4 sessions of apps")
        const after = yield* serverOn(data, port)
        assert.notInclude(after.program.output(), "/setup#")
        yield* after.on(
          Effect.gen(function* () {
            assert.isFalse(yield* admitted(idle.access_token))
            const spent = yield* refresh(idle.refresh_token, { client_id: idle.client_id })
            assert.strictEqual(spent.body.error, "invalid_grant")
            yield* goOn(yield* connectApp(yield* signInAsAda))
          })
        )
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "a database moves from the laptop to Postgres and back, with the sessions of its apps where that is asked for",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [data, file] = [{ DATA_DIR: join(folder, "data") }, join(folder, "a.copy.gz")]
        const port = yield* freePort
        const production = { DATABASE_URL: yield* freshDatabaseUrl }
        const laptop = yield* serverOn(data, port)
        const [, code = ""] = yield* said(laptop.program, /\/setup#(\S+)/)
        yield* laptop.on(setUp(code))
        const cookie = yield* laptop.on(signInAsAda)
        const app = yield* laptop.on(connectApp(cookie))
        yield* laptop.stop
        yield* succeeds("app/programs/backup.ts", data, file)

        assert.include(
          yield* succeeds("app/programs/restore.ts", production, "--keep-sessions", file),
          "sessions go on"
        )
        const deployed = yield* serverOn(production, port)
        assert.isTrue(yield* deployed.on(admitted(app.access_token)))
        const next = yield* deployed.on(goOn(app))
        assert.include(
          yield* refused("app/programs/restore.ts", production, "--replace", file),
          "a running server uses this database"
        )
        // One copy while the server runs, and it takes the way back.
        yield* succeeds("app/programs/backup.ts", production, file)
        yield* deployed.stop
        yield* succeeds("app/programs/restore.ts", data, "--keep-sessions", "--replace", file)
        const again = yield* serverOn(data, port)
        yield* again.on(goOn(next))
        assert.notStrictEqual(yield* again.on(signInAsAda), "")
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "what is no copy, or half of one, is refused in words, and so is a file that cannot be written",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const data = { DATA_DIR: join(folder, "data") }
        const [file, cut, other] = [join(folder, "a.gz"), join(folder, "b.gz"), join(folder, "c")]
        yield* succeeds("app/programs/dbInit.ts", data)
        yield* succeeds("app/programs/backup.ts", data, file)
        writeFileSync(cut, readFileSync(file).subarray(0, -40))
        writeFileSync(other, "not at all")
        for (const [path, words] of [
          [cut, "it ends in the middle"],
          [other, "it is no copy"],
          [join(folder, "none"), "no such file"]
        ] as const) {
          assert.include(yield* refused("app/programs/backup.ts", {}, "verify", path), words)
          assert.include(yield* refused("app/programs/restore.ts", data, path), words)
        }
        const nowhere = join(folder, "none", "a.gz")
        assert.include(yield* refused("app/programs/backup.ts", data, nowhere), "the copy cannot be written")
      }).pipe(Effect.scoped),
    options
  )
})
