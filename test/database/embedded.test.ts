import fs, { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { makeTemplate, openPGlite, provide } from "../../src/database/embedded.ts"
import { said, spawned, temporaryFolder } from "../support/program.ts"
import { torment } from "../torture/embedded.ts"

/** Starts take half a minute each where other work has the cores. */
const options = { timeout: 600_000 }

/** Opens the embedded database as the server does; what is said where that does not work. */
const refusalOf = (dataDir: string) =>
  Layer.build(Database.layerUnmigrated).pipe(
    Effect.provide(ServerConfig.layerOf({ DATA_DIR: dataDir })),
    Effect.scoped,
    Effect.flip,
    Effect.map(({ message }) => message)
  )

describe("the embedded database at its first start", () => {
  it.live("is a copy of the one made at install; a copy that was cut off is made anew, and what is there stays", () =>
    Effect.gen(function* () {
      yield* Effect.promise(makeTemplate)
      const folder = yield* temporaryFolder
      const home = join(folder, "postgres")

      mkdirSync(`${home}.unfinished`)
      writeFileSync(join(`${home}.unfinished`, "half"), "")
      yield* Effect.promise(() => provide(home))
      assert.isTrue(existsSync(join(home, "PG_VERSION")))
      assert.isFalse(existsSync(join(home, "half")))
      assert.deepStrictEqual(readdirSync(folder), ["postgres"])

      writeFileSync(join(home, "of mine"), "")
      yield* Effect.promise(() => provide(home))
      assert.isTrue(existsSync(join(home, "of mine")))
    })
  )

  it.live(
    "is made where there is nothing to copy, and is no database before it is whole",
    () =>
      Effect.gen(function* () {
        const home = join(yield* temporaryFolder, "postgres")
        mkdirSync(home)
        const making = provide(home, "/nowhere")
        assert.isFalse(existsSync(join(home, "PG_VERSION")))
        yield* Effect.promise(() => making)
        assert.isTrue(existsSync(join(home, "PG_VERSION")))
        const db = yield* Effect.promise(() => openPGlite(home))
        yield* Effect.promise(() => db.close())
      }),
    options
  )
})

describe("the embedded database where it is damaged", () => {
  const damages: ReadonlyArray<readonly [string, (home: string) => void, RegExp]> = [
    ["its control file is cut off", (home) => truncateSync(join(home, "global/pg_control"), 100), /pg_control.*copy/],
    ["its log is gone", (home) => rmSync(join(home, "pg_wal"), { recursive: true }), /checkpoint|pg_wal/],
    ["it is of another Postgres", (home) => writeFileSync(join(home, "PG_VERSION"), "17\n"), /version 17/],
    ["it is not known as a database any more", (home) => rmSync(join(home, "PG_VERSION")), /no PG_VERSION/]
  ]
  for (const [what, damage, word] of damages) {
    it.live(
      `${what}: says so and what to do, and takes nothing away`,
      () =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const home = join(folder, "postgres")
          yield* Effect.promise(() => provide(home))
          damage(home)
          const files = () => readdirSync(join(home, "base"), { recursive: true }).toSorted()
          const before = { files: files(), table: readFileSync(join(home, "base/5/1259")) }
          const message = yield* refusalOf(folder)
          assert.include(message, folder)
          assert.match(message, word)
          assert.deepStrictEqual(files(), before.files)
          assert.deepStrictEqual(readFileSync(join(home, "base/5/1259")), before.table)
        }),
      options
    )
  }
})

describe("the embedded database and the disk", () => {
  it.live("has what it says that it has: a commit waits for the disk, and so does the first copy", () =>
    Effect.gen(function* () {
      const waiting = fs.fsyncSync
      let waits = 0
      fs.fsyncSync = (file) => {
        waits++
        waiting(file)
      }
      syncBuiltinESMExports()
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          fs.fsyncSync = waiting
          syncBuiltinESMExports()
        })
      )
      const home = join(yield* temporaryFolder, "postgres")
      yield* Effect.promise(() => provide(home))
      assert.isAbove(waits, 900)
      const db = yield* Effect.acquireRelease(
        Effect.promise(() => openPGlite(home)),
        (db) => Effect.promise(() => db.close())
      )
      yield* Effect.promise(() => db.exec("create table kept (n int)"))
      for (const n of [1, 2, 3]) {
        const before = waits
        yield* Effect.promise(() => db.query("insert into kept values ($1)", [n]))
        assert.isAbove(waits, before)
      }
    })
  )
})

/** From when it is told to, no byte reaches the log of a database; it knows the log's files by having seen them opened. */
const brokenLog = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const { openSync, writeSync } = fs
      const logs = new Set<number>()
      const state = { isFull: false }
      fs.openSync = (...given) => {
        const file = openSync(...given)
        if (String(given[0]).includes("pg_wal")) logs.add(file)
        else logs.delete(file)
        return file
      }
      fs.writeSync = ((file: number, ...rest: [Uint8Array]) => {
        if (state.isFull && logs.has(file)) throw Object.assign(new Error("no space"), { code: "ENOSPC" })
        return writeSync(file, ...rest)
      }) as typeof writeSync
      return { state, restore: () => Object.assign(fs, { openSync, writeSync }) }
    }),
    ({ restore }) => Effect.sync(restore)
  ),
  ({ state }) => state
)

describe("the embedded database on a disk that is full", () => {
  it.live(
    "ends with a word and is not waited for; what was answered is there at the next start",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const log = yield* brokenLog
        const open = Layer.build(Database.layerUnmigrated).pipe(
          Effect.provide(ServerConfig.layerOf({ DATA_DIR: folder }))
        )
        yield* Effect.scoped(
          Effect.gen(function* () {
            const database = yield* open
            const sql = Context.get(database, SqlClient.SqlClient)
            yield* sql`create table kept (n int)`
            yield* sql`insert into kept values (1)`
            log.isFull = true
            yield* Effect.forkScoped(Effect.ignore(sql`insert into kept values (2)`))
            const { message } = yield* Effect.flip(Context.get(database, Database.Ended))
            assert.match(message, /ended: could not write to log file .*No space left/)
            log.isFull = false
          })
        )
        yield* Effect.scoped(
          Effect.gen(function* () {
            const sql = Context.get(yield* open, SqlClient.SqlClient)
            assert.deepStrictEqual(yield* sql`select n from kept`, [{ n: 1 }])
          })
        )
      }),
    options
  )
})

describe("the lock of a data directory", () => {
  const holder = (dataDir: string) => {
    const modules = join(import.meta.dirname, "../..")
    const program = `
      import { Effect } from "${modules}/node_modules/effect/dist/index.js"
      import { lockDataDir } from "${modules}/src/database/lock.ts"
      const held = lockDataDir(process.argv[1]).pipe(
        Effect.tap(Effect.sync(() => console.log("held"))), Effect.andThen(Effect.never), Effect.scoped,
        Effect.catch((refusal) => Effect.sync(() => { console.log("refused", refusal.message); process.exit(0) })))
      Effect.runFork(held)
      setInterval(() => {}, 1000)`
    return spawned([process.execPath, "--input-type=module", "-e", program, dataDir], process.env, dataDir)
  }

  it.live(
    "is one process's, however many come at once; after kill -9 it is the next one's",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const spent = new Set<number | undefined>()
        for (let round = 0; round < 2; round++) {
          const all = yield* Effect.all(Array.from({ length: 4 }, () => holder(folder)))
          const words = yield* Effect.forEach(all, (one) => said(one, /held|refused another process.*/))
          assert.strictEqual(words.filter(([word]) => word === "held").length, 1)
          const held = all[words.findIndex(([word]) => word === "held")]
          assert.isFalse(spent.has(held?.process.pid))
          spent.add(held?.process.pid)
          held?.process.kill("SIGKILL")
          yield* held?.exited ?? Effect.void
        }
      }),
    options
  )
})

describe("the server on the embedded database", () => {
  it.live(
    "OP4 killed at any moment, at its first start too, it keeps to what it answered",
    () =>
      Effect.gen(function* () {
        let rounds = 3
        const broken: Array<unknown> = []
        const figures = yield* torment({
          isOver: () => rounds-- === 0,
          broken: (promise, evidence) => void broken.push([promise, evidence])
        })
        assert.deepStrictEqual(broken, [])
        assert.strictEqual(figures.kills, 5)
        assert.isAbove(figures["acknowledged writes"], 0)
      }),
    options
  )
})
