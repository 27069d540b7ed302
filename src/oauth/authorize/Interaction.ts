/**
 * What stands between a checked request and its code: who is this person, and what do they allow? The protocol asks no
 * further; whoever signs people in, and asks for their consent, provides this service.
 */

import { Context, type Effect } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { StoreUnavailable } from "../../database/query.ts"
import type { ConsentRequired, InvalidRequest, LoginRequired, ShownToUser } from "../errors.ts"
import type { AnswerOnce } from "../grants/codes.sql.ts"
import type { Parameters } from "../parameters.ts"
import type { AuthorizationRequest } from "./request.ts"

/** A checked request that waits for its answer, as far as the answer needs it. */
export interface PendingRequest {
  readonly form: AnswerOnce
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string | undefined
  readonly resource: string
  readonly codeChallenge: string
  readonly nonce: string | undefined
}

/** By whom it is granted, and how much of what was asked for. */
export interface Consent {
  readonly subject: string
  /** When they proved who they are; now, where nobody does. */
  readonly authTime: Date | undefined
  readonly scopes: ReadonlyArray<string>
  /** Written with the code, or neither is: whether the person may grant it still, and that they did. */
  readonly along: Effect.Effect<void, ShownToUser | StoreUnavailable>
}

/** What a person decided. */
export interface Decision {
  readonly request: PendingRequest
  /** What was granted; absent when they denied it. */
  readonly consent: Consent | undefined
}

export type Outcome =
  /** Nobody had to be asked. */
  | { readonly _tag: "Decided"; readonly decision: Decision }
  /** The person is asked: a page, or the way to one. */
  | { readonly _tag: "Asked"; readonly response: HttpServerResponse.HttpServerResponse }

export class Interaction extends Context.Service<
  Interaction,
  {
    /** Begins with a checked request. Fails where somebody must be asked and `prompt` forbids it. */
    readonly begin: (
      request: AuthorizationRequest
    ) => Effect.Effect<Outcome, ConsentRequired | LoginRequired | StoreUnavailable, HttpServerRequest.HttpServerRequest>
    /** Goes on with what the person answered on a page of ours (`POST /authorize/decision`). */
    readonly resume: (
      answer: Parameters
    ) => Effect.Effect<Decision, ShownToUser | InvalidRequest | StoreUnavailable, HttpServerRequest.HttpServerRequest>
  }
>()("gatehouse/oauth/Interaction") {}
