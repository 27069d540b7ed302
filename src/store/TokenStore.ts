/**
 * Codes, sessions and tokens. Reports facts; `oauth/` gives them meaning.
 *
 * Every change to a session happens under that session's row lock, in one transaction that is not interrupted: a
 * caller who hangs up must not undo a rotation, and even less a compromise.
 */

import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { StoreUnavailable, TokenError } from "../domain/errors.ts"
import type { PresentedToken } from "../domain/opaqueToken.ts"
import { type AuthorizationCode, makeCodes, type RedeemRequest, type Redemption } from "./codes.ts"
import { operation } from "./query.ts"
import { makeRefresh, type RefreshRequest, type Rotation } from "./refresh.ts"
import { type AccessFacts, makeSessions, type Presenter, type TokenFacts } from "./sessions.ts"
import { makeSweep, type Swept } from "./sweep.ts"

export class TokenStore extends Context.Service<
  TokenStore,
  {
    /**
     * Closes a consent form for good, with a code when it was approved; the form's id, a UUID, becomes the id of the
     * session that the code begins. `false` when the form had been answered before; then nothing is written.
     */
    readonly closeForm: (formId: string, code?: AuthorizationCode) => Effect.Effect<boolean, StoreUnavailable>
    /** Redeems a code once. A second redemption that passes `judge` revokes the session of the first. */
    readonly redeem: (request: RedeemRequest) => Effect.Effect<Redemption, StoreUnavailable>
    /** Rotates, replays or condemns: see `domain/rotation.ts`. */
    readonly refresh: (request: RefreshRequest) => Effect.Effect<Rotation | TokenError, StoreUnavailable>
    /** Ends one access token, if it is the presenter's. */
    readonly revokeAccess: (token: PresentedToken, by: Presenter) => Effect.Effect<void, StoreUnavailable>
    /** Ends the session of a refresh token, retired or not, if it is the presenter's. */
    readonly revokeSession: (token: PresentedToken, by: Presenter) => Effect.Effect<void, StoreUnavailable>
    /** What a good access token stands for; `undefined` for every other. Marks its generation as used. */
    readonly findAccess: (token: PresentedToken) => Effect.Effect<AccessFacts | undefined, StoreUnavailable>
    /** What a good token stands for, without using it; `undefined` for every other. */
    readonly inspect: (
      token: PresentedToken,
      kind: "access" | "refresh"
    ) => Effect.Effect<TokenFacts | undefined, StoreUnavailable>
    /** Deletes at most `batch` rows of each kind that nobody needs any more, and counts them. */
    readonly sweep: (batch: number) => Effect.Effect<Swept, StoreUnavailable>
  }
>()("gatehouse/store/TokenStore") {
  static readonly layer = Layer.effect(
    TokenStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { lifetimes } = yield* ServerConfig
      const codes = makeCodes(sql, lifetimes)
      const refresh = makeRefresh(sql, lifetimes)
      const sessions = makeSessions(sql, lifetimes)
      const sweep = makeSweep(sql)
      return TokenStore.of({
        closeForm: (formId, code) => operation(codes.closeForm(formId, code)),
        redeem: (request) => operation(codes.redeem(request)),
        refresh: (request) => operation(refresh(request)),
        revokeAccess: (token, by) => operation(sessions.revokeAccess(token, by)),
        revokeSession: (token, by) => operation(sessions.revokeSession(token, by)),
        findAccess: (token) => operation(sessions.findAccess(token)),
        inspect: (token, kind) => operation(sessions.inspect(token, kind)),
        sweep: (batch) => operation(sweep(batch))
      })
    })
  )
}
