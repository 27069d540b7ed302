/** A recipe: how one well-known server is mounted, and how far that was tried. They are in `recipes/`, one a file. */

import { Schema } from "effect"

const Sentence = Schema.String.check(Schema.isNonEmpty())

export const Recipe = Schema.Struct({
  /** What the server is for, and why its entry is as it is. */
  about: Sentence,
  /** What it is called in the file, where that is not the recipe's own name. */
  name: Schema.optionalKey(Sentence.check(Schema.isPattern(/^[a-zA-Z0-9_-]{1,16}$/))),
  /** Variables that have to be set, and where their values come from. */
  needs: Schema.Array(Schema.Struct({ name: Sentence, where: Sentence })),
  /** What is written into `gatehouse.json`. */
  entry: Schema.Record(Schema.String, Schema.Unknown),
  /** The command that puts the server's program where the entry looks for it. */
  install: Schema.optionalKey(Sentence),
  /** How far it went where this package is made: whole calls, its list, an honest refusal, or not at all. */
  proven: Schema.Literals(["calls", "list", "refusal", "no"]),
  /** What was run, and what was seen. */
  tried: Sentence
})
export type Recipe = typeof Recipe.Type

export const decodeRecipe = Schema.decodeUnknownEffect(Schema.fromJsonString(Recipe), {
  errors: "all",
  onExcessProperty: "error"
})
