// tools/draw-names.ts
import { Effect, Random, Schema } from "effect"
import { ToolFailure, tool } from "gatehouse-server"

export default tool({
  name: "draw_names",
  title: "Draw names",
  description: "Draws names from a list by chance, each at most once.",
  hints: { readOnly: true, openWorld: false },
  input: Schema.Struct({
    names: Schema.Array(Schema.NonEmptyString),
    count: Schema.Int.annotate({ description: "How many to draw" })
  }),
  output: Schema.Struct({ drawn: Schema.Array(Schema.String) }),
  run: Effect.fn("draw_names")(function* ({ names, count }) {
    if (count > names.length) return yield* new ToolFailure(`There are only ${names.length} names to draw from.`)
    const shuffled = yield* Random.shuffle(names)
    return { drawn: shuffled.slice(0, count) }
  })
})
