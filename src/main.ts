/** The server: `npm start`. */

import { setFlagsFromString } from "node:v8"
import "./boot.js"

// Loaded from here on, so that it is compiled as `boot.js` says.
const { program } = await import("./app/app.ts")
const { runProgram, Settings } = await import("./app/programs/runProgram.ts")
const { Effect } = await import("effect")

setFlagsFromString("--semi-space-growth-factor=2")
// What dies young but late is old garbage: with mounts 1.3 KB of each call, held by tables that a Map of the SDK's client has
// left behind. V8 would let it grow to hundreds of megabytes; half as much again as what lives is 0.2 % more work, and stays.
setFlagsFromString("--heap-growing-percent=50")
runProgram(Effect.provide(program, Settings))
