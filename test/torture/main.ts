/**
 * `npm run test:torture`: harm at random, in chapters, for ten minutes or `--minutes`. The same `--seed` does the same harm, as
 * far as the machine does. Names select chapters. A promise that did not hold ends the program with 1.
 */

import { inspect, parseArgs } from "node:util"
import { Cause, Effect, Exit, Random } from "effect"
import type { Chapter } from "./chapter.ts"
import { crash } from "./crash.ts"
import { embedded } from "./embedded.ts"
import { failover } from "./failover.ts"
import { floods } from "./floods.ts"
import { fuzz } from "./fuzz.ts"
import { histories } from "./history.ts"
import { mounts } from "./mounts.ts"
import { people } from "./people.ts"
import { shutdowns } from "./shutdowns.ts"

const chapters: ReadonlyArray<Chapter> = [crash, failover, histories, embedded, people, mounts, floods, shutdowns, fuzz]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, minutes: { type: "string", default: "10" } }
})
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 32))
const unknown = positionals.filter((name) => chapters.every((chapter) => chapter.name !== name))
if (unknown.length > 0) throw new Error(`no chapter ${unknown} (there are ${chapters.map(({ name }) => name)})`)
const chosen = chapters.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const shares = chosen.reduce((sum, { share }) => sum + share, 0)
const milliseconds = Number(values.minutes) * 60_000

console.log(`seed ${seed}`)
let failures = 0
for (const { name, share, run } of chosen) {
  const began = performance.now()
  const end = began + (milliseconds * share) / shares
  const broken = (promise: string, evidence: unknown) => {
    failures++
    console.log(`BROKEN  ${name}: ${promise}`, inspect(evidence, { depth: 6, maxArrayLength: 200 }))
  }
  const exit = await run({ isOver: () => performance.now() > end, broken }).pipe(
    Effect.scoped,
    // Each chapter has a seed of its own, so that one alone does what it does among all.
    Random.withSeed(`${seed} ${name}`),
    Effect.runPromiseExit
  )
  const seconds = Math.round((performance.now() - began) / 1000)
  if (Exit.isSuccess(exit)) console.log(`${name} (${seconds} s)`, exit.value)
  else broken("the chapter itself ended", Cause.pretty(exit.cause))
}
console.log(failures === 0 ? "every promise held" : `${failures} did not hold`)
process.exit(failures === 0 ? 0 : 1)
