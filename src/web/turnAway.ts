/** What whoever is turned away is told: ready-made, since that is done when there is no time. */

import type { IncomingMessage, ServerResponse } from "node:http"

const FOR_PROGRAMS = Buffer.from(
  JSON.stringify({
    error: "temporarily_unavailable",
    error_description: "the server is busy; try again in a few seconds"
  })
)
const FOR_PEOPLE = Buffer.from("The server is busy. Wait a few seconds, then load this page again.\n")

/** They are to come back at different times, so that they do not come back together. */
const headersOf = (type: string, body: Buffer) =>
  [1, 2, 3, 4, 5].map((seconds) =>
    [
      ["content-type", type],
      ["content-length", String(body.length)],
      ["retry-after", String(seconds)],
      ["cache-control", "no-store"],
      ["x-content-type-options", "nosniff"]
    ].flat()
  )
const PROGRAMS = headersOf("application/json", FOR_PROGRAMS)
const PEOPLE = headersOf("text/plain; charset=utf-8", FOR_PEOPLE)

/** Nothing of the request is read but its head. */
export const turnAway = (request: IncomingMessage, response: ServerResponse, turn: number, isLast: boolean): void => {
  // Whoever waits to be told to go on with a body need not send it after this, and it may be followed by anything.
  if (isLast || request.headers.expect !== undefined) response.shouldKeepAlive = false
  const isPage = request.headers.accept?.includes("text/html") === true
  response.writeHead(503, (isPage ? PEOPLE : PROGRAMS)[turn % PROGRAMS.length])
  response.end(isPage ? FOR_PEOPLE : FOR_PROGRAMS)
}
