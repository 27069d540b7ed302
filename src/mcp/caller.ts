/** What a tool may know of whoever presents a token. */

import { Effect } from "effect"
import { report, type StoreUnavailable } from "../database/query.ts"
import { Subjects } from "../oauth/Subjects.ts"
import type { Principal } from "../oauth/tokens/AccessTokens.ts"
import { ToolFailure } from "../toolsets/failure.ts"
import type { Caller, Person } from "../toolsets/tool.ts"

const notFound = (error: StoreUnavailable) =>
  Effect.andThen(
    report(error),
    Effect.fail(new ToolFailure("Who is asking could not be looked up. Try again in a moment."))
  )

export const makeCallerOf = Effect.fnUntraced(function* () {
  const { claimsOf } = yield* Subjects
  // Known for as long as the token is: what is kept of it is one object, and is dropped when its session ends.
  const known = new WeakMap<Principal, Effect.Effect<Person>>()
  const lookUp = (principal: Principal) =>
    claimsOf(principal.subject).pipe(
      Effect.map((claims) => {
        const person: Person = {
          id: principal.subject,
          name: claims?.name,
          email: claims?.emailVerified === true ? claims.email : undefined,
          roles: claims?.roles ?? []
        }
        known.set(principal, Effect.succeed(person))
        return person
      }),
      Effect.catch(notFound)
    )

  /** One for every call, so the look-up is made when it is wanted; a getter of each object would be a hidden class of each. */
  class Calling implements Caller {
    readonly #principal: Principal
    constructor(principal: Principal) {
      this.#principal = principal
    }
    get subject() {
      return this.#principal.subject
    }
    get clientId() {
      return this.#principal.clientId
    }
    get grant() {
      return this.#principal.sessionId
    }
    get scopes() {
      return this.#principal.scopes
    }
    get person() {
      return known.get(this.#principal) ?? lookUp(this.#principal)
    }
  }
  return (principal: Principal): Caller => new Calling(principal)
})
