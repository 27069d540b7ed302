/** What a tool may know of whoever presents a token. */

import { Effect } from "effect"
import type { StoreUnavailable } from "../database/query.ts"
import { Subjects } from "../oauth/Subjects.ts"
import type { Principal } from "../oauth/tokens/AccessTokens.ts"
import { type Caller, ToolFailure } from "../toolsets/tool.ts"

const notFound = (error: StoreUnavailable) =>
  Effect.andThen(
    Effect.logError("the database did not answer", error),
    new ToolFailure({ message: "Who is asking could not be looked up. Try again in a moment." })
  )

export const makeCallerOf = Effect.fnUntraced(function* () {
  const { claimsOf } = yield* Subjects
  const personOf = (subject: string) =>
    claimsOf(subject).pipe(
      Effect.map((claims) => ({
        name: claims?.name,
        email: claims?.emailVerified === true ? claims.email : undefined
      })),
      Effect.catch(notFound)
    )
  // Of every call, so the look-up is not even made before somebody wants it.
  return ({ subject, clientId, scopes }: Principal): Caller => ({
    subject,
    clientId,
    scopes,
    get person() {
      return personOf(subject)
    }
  })
})
