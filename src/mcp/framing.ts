/** One message, as JSON or as the only event of a stream: a client may take but one of the two. */

import { HttpServerResponse } from "effect/http"

const AS_JSON = { contentType: "application/json" }
const AS_EVENTS = { contentType: "text/event-stream" }

/** A message as JSON. */
export const asJson = (message: string) => HttpServerResponse.text(message, AS_JSON)

/** Messages as a stream that is over at once. */
export const asEvents = (messages: ReadonlyArray<string>) =>
  HttpServerResponse.text(messages.map((message) => `event: message\ndata: ${message}\n\n`).join(""), AS_EVENTS)

/** The answer among the events of one request's stream: it comes last, behind what was told on the way. */
export const lastOf = (events: string): string | undefined =>
  events
    .split("\n")
    .findLast((line) => line.startsWith("data: {"))
    ?.slice("data: ".length)
