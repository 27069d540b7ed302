/** The server: `npm start`. */

import { enableCompileCache } from "node:module"
import { join } from "node:path"

// Before anything is loaded, so that only the first start compiles it all. Beside the packages and not in a folder for
// temporary files, where others might put code for us; where nothing can be written, there is no cache.
enableCompileCache(join(import.meta.dirname, "../node_modules/.cache/gatehouse"))

const { program } = await import("./app/app.ts")
const { runProgram, Settings } = await import("./app/programs/runProgram.ts")
const { Effect } = await import("effect")

runProgram(Effect.provide(program, Settings))
