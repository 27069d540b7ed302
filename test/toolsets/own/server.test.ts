// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is written are files of code

import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { obtainTokens } from "../../support/client.ts"
import { asked, wordsOf } from "../../support/ownTools.ts"
import { said } from "../../support/program.ts"
import { against, devServer, toolFile, write } from "../../support/toolsFolder.ts"

const SLOW = { timeout: 120_000 }

const soon = <A, E, R>(effect: Effect.Effect<A, E, R>, until: (value: A) => boolean) =>
  Effect.repeat(effect, { until, schedule: Schedule.spaced("30 millis") })

describe("a folder that changes while npm run dev runs", () => {
  it.live(
    "TL70 a change of a file, and of what it imports, is live; a broken one keeps the last good set and says why",
    () =>
      Effect.gen(function* () {
        const server = yield* devServer({
          "a.ts": toolFile("first", "() => `one ${word}`", "", "import { word } from './_words.ts'"),
          "_words.ts": "export const word: string = 'old'"
        })
        yield* against(
          server,
          Effect.gen(function* () {
            const { access_token: token } = yield* obtainTokens()
            assert.strictEqual(yield* wordsOf(token, "first"), "one old")
            yield* write(server.folder, { "_words.ts": "export const word: string = 'new'" })
            yield* soon(wordsOf(token, "first"), (words) => words === "one new")
            yield* write(server.folder, {
              "a.ts": toolFile("first", "() => `two ${word}`", "", "import { word } from './_words.ts'")
            })
            yield* soon(wordsOf(token, "first"), (words) => words === "two new")
            yield* write(server.folder, { "b.ts": toolFile("second", "() => 'here'") })
            const names = Effect.map(asked(token, "2025-11-25", "tools/list"), ({ result }) =>
              result.tools.map(({ name }: { readonly name: string }) => name)
            )
            yield* soon(names, (all) => all.includes("second"))

            yield* write(server.folder, { "b.ts": "export default nothing(\n" })
            const [line] = yield* said(server.program, /the tools stay as they were: .*b\.ts: line \d+: /)
            assert.include(line, server.folder)
            assert.strictEqual(yield* wordsOf(token, "first"), "two new")
            assert.strictEqual(yield* wordsOf(token, "second"), "here")
            yield* write(server.folder, { "b.ts": toolFile("second", "() => 'again'") })
            yield* soon(wordsOf(token, "second"), (words) => words === "again")
          })
        )
      }).pipe(Effect.scoped),
    SLOW
  )
})

describe("what a tool leaves behind", () => {
  it.live(
    "TL74 a promise that was rejected while nobody waited for it is in the log, and the server goes on",
    () =>
      Effect.gen(function* () {
        const server = yield* devServer({
          "strays.ts": toolFile("strays", "() => { Promise.reject(new Error('left behind')); return 'done' }")
        })
        yield* against(
          server,
          Effect.gen(function* () {
            const { access_token: token } = yield* obtainTokens()
            assert.strictEqual(yield* wordsOf(token, "strays"), "done")
            yield* said(server.program, /nobody waited for it.*left behind/)
            assert.strictEqual(yield* wordsOf(token, "strays"), "done")
          })
        )
      }).pipe(Effect.scoped),
    SLOW
  )
})
