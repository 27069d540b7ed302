/** Who a subject is, for OpenID Connect and for tools: people/ provides this. */

import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../database/query.ts"

/** OpenID Connect Core §5.1. */
export interface SubjectClaims {
  readonly name: string | undefined
  readonly email: string | undefined
  /** That somebody who knows has vouched for the address. */
  readonly emailVerified: boolean
  /** What they may do here; the demo person has no role. */
  readonly roles: ReadonlyArray<string>
}

export class Subjects extends Context.Service<
  Subjects,
  {
    /** Nothing for a subject that is nobody, or who may not come in. */
    readonly claimsOf: (subject: string) => Effect.Effect<SubjectClaims | undefined, StoreUnavailable>
  }
>()("gatehouse/oauth/Subjects") {}
