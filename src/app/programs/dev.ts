/** `npm run dev`: the server, and what changes in the folder of tools is live at once. */

import { Effect } from "effect"
import { Reloading } from "../../toolsets/own/own.ts"
import { program } from "../app.ts"
import { runProgram, Settings } from "./runProgram.ts"

runProgram(program.pipe(Effect.provideService(Reloading, true), Effect.provide(Settings)))
