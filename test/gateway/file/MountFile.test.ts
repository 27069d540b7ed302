// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are written so in these files
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule, Stream } from "effect"
import { Logging } from "../../../src/app/logging.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { MountFile, readMountFile } from "../../../src/gateway/file/MountFile.ts"
import { capturedLogs } from "../../support/logs.ts"
import { temporaryFolder } from "../../support/program.ts"

const file = (...names: ReadonlyArray<string>) =>
  JSON.stringify({ mcpServers: Object.fromEntries(names.map((name) => [name, { command: "x" }])) })

const config = (path: string, more: Readonly<Record<string, string>> = {}) =>
  ServerConfig.layerOf({ GATEHOUSE_FILE: path, LOG_LEVEL: "info", LOG_FORMAT: "json", ...more })

const layer = (path: string) => MountFile.layer.pipe(Layer.provideMerge(Logging), Layer.provideMerge(config(path)))

const names = Effect.map(MountFile, ({ current }) => current().map(({ name }) => name))
/** Waits until these are the mounts, as long as the test does. */
const until = (expected: ReadonlyArray<string>) =>
  Effect.repeat(names, {
    until: (now) => now.join() === expected.join(),
    schedule: Schedule.spaced("20 millis")
  })

const problemsAt = (path: string, more: Readonly<Record<string, string>> = {}) =>
  readMountFile().pipe(
    Effect.provide(config(path, more)),
    Effect.flip,
    Effect.map(({ problems }) => problems)
  )

const options = { timeout: 120_000 }

describe("gatehouse.json at the start", () => {
  it.live("there need be none unless it was said", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      assert.deepStrictEqual(yield* problemsAt(join(folder, "none.json")), ["GATEHOUSE_FILE: there is no such file"])
      const unsaid = ServerConfig.layerOf({ LOG_LEVEL: "none" })
      assert.deepStrictEqual((yield* Effect.provide(readMountFile(), unsaid)).mounts, [])
    }).pipe(Effect.scoped)
  )

  it.live("all that is wrong with it stops the start, by its path; no value of a variable is told", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "gatehouse.json")
      const servers = {
        a: { command: "x", env: { TOKEN: "${NOT_SET}", DB: "${DATABASE_URL}" } },
        b: { url: "${WORD}" }
      }
      writeFileSync(path, JSON.stringify({ mcpServers: servers }))
      const settings = { WORD: "a-secret-word", DATABASE_URL: "postgresql://u:p@localhost/db" }
      assert.deepStrictEqual(yield* problemsAt(path, settings), [
        "mcpServers.a.env.TOKEN: NOT_SET is not set",
        "mcpServers.a.env.DB: DATABASE_URL is this server's own, and is not handed on",
        "mcpServers.b.url: is no http or https address"
      ])
      writeFileSync(path, '{\n  "mcpServers": { "a": }\n}')
      assert.match((yield* problemsAt(path)).join(), /line 2, column 24/)
      writeFileSync(path, " ".repeat(1024 * 1024 + 1))
      assert.deepStrictEqual(yield* problemsAt(path), ["is larger than 1 MB"])
      mkdirSync(join(folder, "folder.json"))
      assert.match((yield* problemsAt(join(folder, "folder.json"))).join(), /^cannot be read/)
    }).pipe(Effect.scoped)
  )
})

describe("gatehouse.json while the server runs", () => {
  it.live(
    "a change is told, written in place or put in its place; a bad or missing file keeps the last good one, and says why",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const path = join(folder, "gatehouse.json")
        const replace = (text: string) => {
          writeFileSync(`${path}.tmp`, text)
          renameSync(`${path}.tmp`, path)
        }
        writeFileSync(path, file("a"))
        const logs = yield* capturedLogs
        const told = (words: RegExp) => logs.find(({ message }) => words.test(String(message)))
        yield* Effect.gen(function* () {
          const { changes, current } = yield* MountFile
          assert.deepStrictEqual(yield* names, ["a"])
          const heard = yield* Effect.forkChild(Stream.runHead(changes), { startImmediately: true })
          writeFileSync(path, file("a", "b"))
          yield* until(["a", "b"])
          assert.strictEqual((yield* Fiber.join(heard))._tag, "Some")

          const before = current()
          replace('{ "mcpServers": { "a": {}, "b": { "command": "x", "timeot": 1 } } }')
          yield* told(/stay as they were: mcpServers\.a: has neither a command nor a url/)
          yield* told(/stay as they were: mcpServers\.b\.timeot: did you mean timeout\?/)
          rmSync(path)
          yield* told(/stay as they were: GATEHOUSE_FILE: there is no such file/)
          assert.strictEqual(current(), before)

          replace(file("c"))
          yield* until(["c"])
        }).pipe(Effect.provide(layer(path)))
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "a volume of Kubernetes, where the file is a link and its folder is replaced",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const put = (version: string, text: string) => {
          mkdirSync(join(folder, version))
          writeFileSync(join(folder, version, "gatehouse.json"), text)
          symlinkSync(version, join(folder, "..data_tmp"))
          renameSync(join(folder, "..data_tmp"), join(folder, "..data"))
        }
        const path = join(folder, "gatehouse.json")
        put("..1", file("a"))
        symlinkSync("..data/gatehouse.json", path)
        yield* capturedLogs
        yield* Effect.gen(function* () {
          yield* until(["a"])
          put("..2", file("b"))
          yield* until(["b"])
        }).pipe(Effect.provide(layer(path)))
      }).pipe(Effect.scoped),
    options
  )
})
