/** `npm run db:init`: applies the migrations that the database lacks. Safe to run twice, and by two at once. */

import { Console, Effect, Layer } from "effect"
import * as Database from "../../database/connect.ts"
import { migrate } from "../../database/migrations.sql.ts"
import { runProgram, Settings } from "./runProgram.ts"

const program = Effect.gen(function* () {
  const done = yield* migrate
  yield* Console.log(
    done.length === 0
      ? "the schema is up to date"
      : done.map(({ version, name }) => `applied ${version}_${name}`).join("\n")
  )
})

program.pipe(Effect.provide(Database.layerUnmigrated.pipe(Layer.provideMerge(Settings))), runProgram)
