/** `npm run -s backup [-- FILE]`: a copy of the whole database, while the server runs; `backup -- verify FILE` restores one in memory. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, DateTime, Effect, Option, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { askFor, NotCopied } from "../../backup/beside.ts"
import { copyTo, NothingThere } from "../../backup/copy.sql.ts"
import { inspect, writeWhole } from "../../backup/file.ts"
import { judge, restore } from "../../backup/restore.sql.ts"
import { seals } from "../../backup/seals.sql.ts"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { version } from "../../config/version.ts"
import * as Database from "../../database/connect.ts"
import { runProgram, Settings } from "./runProgram.ts"

/** The copy is whole, and a server could not go on with it as it should. */
class CopyUnsound extends Schema.TaggedError<CopyUnsound>()("CopyUnsound", { message: Schema.String }) {}

const usualName = Effect.map(
  DateTime.now,
  (now) => `gatehouse-${DateTime.formatIso(now).slice(0, 19).replaceAll(":", "-")}Z.copy.gz`
)

const file = Argument.String("file").pipe(Argument.withDescription("a copy"))

const make = Effect.fn("backup")(function* ({ file }: { readonly file: Option.Option<string> }) {
  const { database } = yield* ServerConfig
  const path = Option.isSome(file) ? file.value : yield* usualName
  if (database._tag === "Embedded" && !existsSync(join(database.dataDir, "postgres"))) return yield* new NothingThere()
  const { rows, header } = yield* writeWhole(path, (to, unfinished) =>
    Effect.gen(function* () {
      const itself = Effect.provide(copyTo(path, to), Database.layerUnmigrated)
      yield* database._tag === "Postgres"
        ? itself
        : Effect.catchTag(itself, "DataDirInUse", () => askFor(database.dataDir, unfinished))
      return yield* Effect.mapError(inspect(unfinished), (damage) =>
        database._tag === "Embedded" ? new NotCopied({ dataDir: database.dataDir }) : damage
      )
    })
  )
  yield* Console.log(`${path}: ${rows} rows, as of ${header.at}, schema ${header.migrations.at(-1)}`)
  yield* Console.log(
    "Whoever has this file has all that the database knows. Keep it as you keep SEALING_KEY, and not beside it."
  )
})

const verify = Command.make(
  "verify",
  { file },
  Effect.fn("backup verify")(function* ({ file }) {
    const { tables } = yield* inspect(file)
    const how = { isReplacing: false, keepsSessions: true, migrates: true }
    const { header, rows, migrated } = yield* restore(file, how)
    yield* Console.log(`${file}: whole, ${rows} rows, as of ${header.at}`)
    yield* Console.log(
      [...tables].flatMap(([table, count]) => (count === 0 ? [] : [`  ${table.padEnd(28)}${count}`])).join("\n")
    )
    yield* Console.log(
      migrated === 0
        ? `schema ${header.migrations.at(-1)}, which is this version's`
        : `schema ${header.migrations.at(-1)}: a restore applies ${migrated} newer migrations`
    )
    const broken: Array<string> = [...(yield* judge)]
    for (const { what, all, shut } of yield* seals) {
      yield* Console.log(`${what}: ${all - shut} of ${all} open`)
      if (shut > 0) broken.push(`${shut} of ${all} ${what} do not open with the SEALING_KEY that is set here`)
    }
    if (broken.length > 0) return yield* new CopyUnsound({ message: broken.join("\n") })
  }, Effect.provide(Database.layerMemoryUnmigrated))
).pipe(Command.withDescription("Restore a copy into memory, and say whether all of it is there and opens"))

Command.make("backup", { file: file.pipe(Argument.optional) }, make).pipe(
  Command.withDescription("Copy the whole database to a file, while the server runs"),
  Command.withSubcommands([verify]),
  Command.run({ version }),
  Effect.provide(Settings),
  Effect.provide(NodeServices.layer),
  runProgram
)
