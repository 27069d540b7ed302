/** What a handler has to say about a request, told with the line that the front logs of it: one line for one request. */

import { Effect, Fiber, References } from "effect"

/** The annotations that the front gives each request, which is the one that reads them in the end. */
export const notesOf = (requestId: string): Readonly<Record<string, unknown>> => ({ request_id: requestId })

/** Adds to the lines of this request from here on. Never a secret; outside a request it is lost. */
export const noteNow = (notes: Readonly<Record<string, unknown>>): void => {
  const annotations = Fiber.getCurrent()?.getRef(References.CurrentLogAnnotations)
  // The record belongs to this request alone, and the front has made it for this.
  if (annotations !== undefined && "request_id" in annotations) Object.assign(annotations, notes)
}

export const note = (notes: Readonly<Record<string, unknown>>): Effect.Effect<void> => Effect.sync(() => noteNow(notes))

/** The id of this request, for a page that a person may read it from. Outside a request there is none. */
export const requestId: Effect.Effect<string | undefined> = Effect.map(
  References.CurrentLogAnnotations,
  ({ request_id }) => (typeof request_id === "string" ? request_id : undefined)
)
