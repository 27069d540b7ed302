/** A person at a browser, for clients that bring their own authorization URL. */

import { Effect } from "effect"
import { decide, formOf, locationOf, request } from "./client.ts"

/** Opens the URL, allows, and answers where the client's callback was called. */
export const allow = Effect.fn("test.allow")(function* (authorizationUrl: URL) {
  return locationOf(yield* decide(formOf(yield* request(authorizationUrl.href)), "approve"))
})
