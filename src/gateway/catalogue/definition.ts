/** What a mount offers, one by one: as it is listed, and what was done to it before. */

import { Schema } from "effect"
import { digestOf } from "./canonical.ts"

export const KINDS = ["tool", "prompt", "resource", "template", "instructions"] as const
export type Kind = (typeof KINDS)[number]

const Members = Schema.Record(Schema.String, Schema.Unknown)

export const Definition = Schema.Struct({
  /** As it is listed: cleaned, and repaired where clients would refuse it. */
  listing: Members,
  /** Of a tool whose arguments had to be told otherwise: their schema as it was. */
  original: Schema.optionalKey(Members),
  /** Of all that the mount said of it, hidden characters included: another one whenever anything is another. */
  digest: Schema.String,
  /** What was done to it, in words. */
  repairs: Schema.Array(Schema.String),
  /** Why it can be listed nowhere. */
  problem: Schema.optionalKey(Schema.String)
})
export type Definition = typeof Definition.Type

/** One thing of a mount, and what was decided about it. */
export interface Entry {
  readonly mount: string
  readonly kind: Kind
  readonly name: string
  /** What clients get. */
  readonly approved: Definition | undefined
  /** What the mount says now. */
  readonly seen: Definition | undefined
  readonly state: State
  readonly decidedBy: string | undefined
  readonly decidedAt: Date | undefined
  readonly seenAt: Date
}

/** What people and logs call it. */
export const labelOf = ({ kind, name }: { readonly kind: Kind; readonly name: string }): string => {
  if (kind === "instructions") return "what models are to follow"
  return kind === "tool" ? name : `${kind} ${name}`
}

export type State = "approved" | "new" | "changed" | "gone" | "off"

export const stateOf = (approved: Definition | undefined, seen: Definition | undefined, isOff: boolean): State => {
  if (isOff) return "off"
  if (seen === undefined) return "gone"
  if (approved === undefined) return "new"
  return approved.digest === seen.digest ? "approved" : "changed"
}

/** Whether it is for an owner to look at what it says now. */
export const isWaiting = ({ state }: Pick<Entry, "state">): boolean => state === "new" || state === "changed"

/** What all that waits is now: another as soon as there is something else to look at. */
export const waitingDigest = (entries: ReadonlyArray<Entry>): string =>
  digestOf(entries.filter(isWaiting).map(({ kind, name, seen }) => [kind, name, seen?.digest]))
