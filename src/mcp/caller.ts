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

  /** One for every call, so the look-up is made when it is wanted; a getter of each object would be a hidden class of each. */
  class Calling implements Caller {
    readonly subject: string
    readonly clientId: string
    readonly scopes: ReadonlyArray<string>
    constructor({ subject, clientId, scopes }: Principal) {
      this.subject = subject
      this.clientId = clientId
      this.scopes = scopes
    }
    get person() {
      return personOf(this.subject)
    }
  }
  return (principal: Principal): Caller => new Calling(principal)
})
