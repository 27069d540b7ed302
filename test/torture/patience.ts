/** A client that means well: where nobody answers, or the server says that it cannot, it asks the same again. */

import { Effect } from "effect"
import type { Answer } from "../support/client.ts"

export interface Patience {
  /** Asks until there is an answer that is one; with the number of times that there was none. */
  readonly ask: <R>(
    asking: Effect.Effect<Answer, never, R>
  ) => Effect.Effect<Answer & { readonly tries: number }, never, R>
  readonly figures: { requests: number; answers: number; retries: number }
}

export const patience = (): Patience => {
  const figures = { requests: 0, answers: 0, retries: 0 }
  return {
    figures,
    ask: Effect.fnUntraced(function* <R>(asking: Effect.Effect<Answer, never, R>) {
      for (let tries = 0; ; tries++) {
        figures.requests++
        const answer = yield* Effect.catchDefect(asking, () => Effect.succeed(undefined))
        if (answer !== undefined && answer.status < 500 && answer.status !== 429) {
          figures.answers++
          return { ...answer, tries }
        }
        figures.retries++
        yield* Effect.sleep("100 millis")
      }
    })
  }
}
