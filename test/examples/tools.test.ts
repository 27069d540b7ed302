import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call } from "gatehouse-server/testing"
import convertLength from "../../examples/tools/convert-length.ts"
import countPrimes from "../../examples/tools/count-primes.ts"
import countWords from "../../examples/tools/count-words.ts"
import drawChart from "../../examples/tools/draw-chart.ts"
import drawNames from "../../examples/tools/draw-names.ts"
import rollDice from "../../examples/tools/roll-dice.ts"
import { temporaryFolder } from "../support/program.ts"
import { answerJson, answerText, upstream } from "../support/upstream.ts"

// The test that docs/tools.md shows, as it stands there.
import "../../examples/tools/roll-dice.test.ts"

const textOf = ({ content = [] }: Awaited<ReturnType<typeof call>>) =>
  content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")

/** A module as it is with these variables, which it reads when it is loaded. */
const loadedWith = <M>(variables: Readonly<Record<string, string>>, load: () => Promise<M>) =>
  Effect.promise(() => {
    Object.assign(process.env, variables)
    return load()
  })

describe("examples", () => {
  it("zod: defaults are filled in, and the sum is that of the rolls", async () => {
    const { structuredContent = {} } = await call(rollDice, { sides: "6", count: 5 })
    const rolls = structuredContent.rolls as ReadonlyArray<number>
    assert.lengthOf(rolls, 5)
    assert.isTrue(rolls.every((roll) => roll >= 1 && roll <= 6))
    assert.strictEqual(
      structuredContent.sum,
      rolls.reduce((sum, roll) => sum + roll, 0)
    )
    assert.lengthOf((await call(rollDice, { sides: 6 })).structuredContent?.rolls as Array<number>, 1)
  })

  it("Valibot: converts, and says which units there are", async () => {
    const { structuredContent } = await call(convertLength, { length: 2, from: "km", to: "m" })
    assert.deepStrictEqual(structuredContent, { length: 2000, unit: "m" })
    const wrong = await call(convertLength, { length: 2, from: "km", to: "parsec" })
    assert.isTrue(wrong.isError)
    assert.include(textOf(wrong), '"to"')
  })

  it("Effect: draws each name at most once, and fails in words", async () => {
    const names = ["Ada", "Bob", "Cleo"]
    const { structuredContent } = await call(drawNames, { names, count: 3 })
    assert.sameMembers(structuredContent?.drawn as Array<string>, names)
    const wrong = await call(drawNames, { names, count: 4 })
    assert.isTrue(wrong.isError)
    assert.strictEqual(textOf(wrong), "There are only 3 names to draw from.")
  })

  it("JSON Schema: counts as the language does, and refuses what the schema does not know", async () => {
    const { structuredContent } = await call(countWords, { text: "Don't panic, it is 42." })
    assert.deepStrictEqual(structuredContent, { words: 5 })
    assert.isTrue((await call(countWords, { text: "a", language: "English" })).isError)
  })

  it("isolated: there are 78,498 primes below a million", async () => {
    assert.deepStrictEqual((await call(countPrimes, { limit: 1_000_000 })).structuredContent, { primes: 78_498 })
  })

  it("a card: the numbers come back for it", async () => {
    const chart = { title: "Rain", bars: [{ label: "Mon", value: 3 }] }
    assert.deepStrictEqual((await call(drawChart, chart)).structuredContent, chart)
    assert.isTrue((await call(drawChart, { title: "Rain", bars: [] })).isError)
  })

  it.live("SQLite: everybody has notes of their own", () =>
    Effect.gen(function* () {
      const { addNote, findNotes } = yield* loadedWith(
        { NOTES_FILE: ":memory:" },
        () => import("../../examples/tools/notes.ts")
      )
      const { default: deleteNote } = yield* Effect.promise(() => import("../../examples/tools/delete-note.ts"))
      const ada = { person: { id: "ada" } }
      const bob = { person: { id: "bob" } }
      const notesOf = (who: typeof ada, containing = "") =>
        Effect.map(
          Effect.promise(() => call(findNotes, { containing }, who)),
          ({ structuredContent }) => structuredContent?.notes
        )
      const deleted = (who: typeof ada, id: unknown, ...answers: ReadonlyArray<object>) =>
        Effect.promise(() => call(deleteNote, { id }, { ...who, answers: answers as never }))

      const { structuredContent } = yield* Effect.promise(() => call(addNote, { words: "Buy 100% rye" }, ada))
      const id = structuredContent?.id
      assert.deepStrictEqual(yield* notesOf(ada, "RYE"), [{ id, words: "Buy 100% rye" }])
      assert.deepStrictEqual(yield* notesOf(ada, "%r"), [])
      assert.deepStrictEqual(yield* notesOf(bob), [])

      // Bob learns nothing of it, and nothing is deleted before Ada says so.
      assert.isTrue((yield* deleted(bob, id, { action: "accept", content: { sure: true } })).isError)
      assert.deepStrictEqual((yield* deleted(ada, id)).asked, { message: 'Delete the note "Buy 100% rye"?' })
      yield* deleted(ada, id, { action: "decline" })
      yield* deleted(ada, id, { action: "accept", content: { sure: false } })
      assert.lengthOf((yield* notesOf(ada)) as Array<unknown>, 1)
      const done = yield* deleted(ada, id, { action: "accept", content: { sure: true } })
      assert.strictEqual(textOf(done), "The note is deleted.")
      assert.deepStrictEqual(yield* notesOf(ada), [])
    })
  )

  it.live("an API with a key: the key is sent, what is unknown is told, and what broke is not", () =>
    Effect.gen(function* () {
      const parcels = yield* upstream(
        answerJson({ status: "on its way", place: "Ghent", weight: 3 }),
        answerText("", 404),
        answerText("stack trace", 500)
      )
      const { default: trackParcel } = yield* loadedWith(
        { PARCELS_URL: parcels.url },
        () => import("../../examples/tools/track-parcel.ts")
      )
      const track = Effect.promise(() =>
        call(trackParcel, { number: "AB12345678" }, { secrets: { PARCELS_KEY: "a key" } })
      )
      assert.deepStrictEqual((yield* track).structuredContent, { status: "on its way", place: "Ghent" })
      const [asked] = parcels.asked
      assert.strictEqual(asked?.url.pathname, "/v1/parcels/AB12345678")
      assert.strictEqual(asked?.headers.authorization, "Bearer a key")
      assert.strictEqual(textOf(yield* track), "Nobody knows a parcel AB12345678.")
      assert.strictEqual(textOf(yield* track), "The tool failed. Try again later.")
    }).pipe(Effect.scoped)
  )

  it.live("a long job: tells how far it is, and the lines that it found", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      mkdirSync(join(folder, "documents"))
      writeFileSync(join(folder, "documents", "a.md"), "# Rye\nflour and water\n")
      writeFileSync(join(folder, "documents", "b.md"), "Water alone\n")
      writeFileSync(join(folder, "documents", "c.txt"), "water\n")
      const { default: searchDocuments } = yield* loadedWith(
        { DOCUMENTS_DIR: join(folder, "documents") },
        () => import("../../examples/tools/search-documents.ts")
      )
      const told: Array<unknown> = []
      const { structuredContent } = yield* Effect.promise(() =>
        call(searchDocuments, { word: "water" }, { onProgress: (...step) => told.push(step) })
      )
      assert.deepStrictEqual(structuredContent?.lines, [
        { document: "a.md", line: 2, text: "flour and water" },
        { document: "b.md", line: 1, text: "Water alone" }
      ])
      assert.deepStrictEqual(told, [
        [0, 2, "a.md"],
        [1, 2, "b.md"],
        [2, 2, undefined]
      ])
      const { read } = yield* Effect.promise(() => import("../../examples/tools/_documents.ts"))
      assert.isUndefined(yield* Effect.promise(() => read("../secret.md")))
    }).pipe(Effect.scoped)
  )
})
