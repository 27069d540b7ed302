/** `npm run -s restore -- FILE`: puts a copy into the database. No server may run on it meanwhile. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { restore } from "../../backup/restore.sql.ts"
import { seals } from "../../backup/seals.sql.ts"
import { version } from "../../config/version.ts"
import * as Database from "../../database/connect.ts"
import { runProgram, Settings } from "./runProgram.ts"

Command.make(
  "restore",
  {
    file: Argument.String("file").pipe(Argument.withDescription("a copy that backup made")),
    replace: Flag.Boolean("replace").pipe(
      Flag.withDescription("delete what is in the database"),
      Flag.withDefault(false)
    ),
    keepSessions: Flag.Boolean("keep-sessions").pipe(
      Flag.withDescription("for a move, where nothing happened since the copy: apps and browsers stay signed in"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("restore")(function* ({ file, replace, keepSessions }) {
    const how = { isReplacing: replace, keepsSessions: keepSessions, migrates: true }
    const { header, rows, migrated, ended } = yield* restore(file, how)
    yield* Console.log(`restored ${rows} rows, as of ${header.at}`)
    if (migrated > 0) yield* Console.log(`applied ${migrated} newer migrations`)
    yield* Console.log(
      keepSessions
        ? "sessions go on: whoever has a token of then may use it"
        : `ended ${ended} sessions of apps, and all browsers: people sign in and connect their apps again`
    )
    for (const { what, all, shut } of yield* seals) {
      if (shut > 0) {
        yield* Console.log(
          `${shut} of ${all} ${what} do not open: was another SEALING_KEY set where the copy was made? Until it is set here, they are made anew`
        )
      }
    }
  }, Effect.provide(Database.layerUnmigrated))
).pipe(
  Command.withDescription("Put a copy into the database: all of it, or nothing changes"),
  Command.run({ version }),
  Effect.provide(Settings),
  Effect.provide(NodeServices.layer),
  runProgram
)
