/** What a chapter of the torture is: it does harm for its share of the time, and holds the server to its promises. */

import type { Effect, Scope } from "effect"

/** What was done, in numbers: kills, faults, requests, histories. */
export type Figures = Readonly<Record<string, number>>

export interface Ordeal {
  /** Whether its time is over: asked between two rounds. */
  readonly isOver: () => boolean
  /** A promise that did not hold, and what shows it; the run goes on, and fails. */
  readonly broken: (promise: string, evidence: unknown) => void
}

export interface Chapter {
  readonly name: string
  /** Its part of the whole time, beside the parts of the others. */
  readonly share: number
  /** What it does at random it takes from Effect's `Random`, which carries the seed. */
  readonly run: (ordeal: Ordeal) => Effect.Effect<Figures, unknown, Scope.Scope>
}
