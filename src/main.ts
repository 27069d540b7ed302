/** The server: `npm start`. */

import { setFlagsFromString } from "node:v8"
import "./boot.js"

// Loaded from here on, so that it is compiled as `boot.js` says.
const { program } = await import("./app/app.ts")
const { runProgram, Settings } = await import("./app/programs/runProgram.ts")
const { Effect } = await import("effect")

setFlagsFromString("--semi-space-growth-factor=2")
runProgram(Effect.provide(program, Settings))
