/**
 * What people granted, in the database: codes, the sessions that they begin, and the refresh tokens that keep those going.
 *
 * It reports facts, and the handlers beside it give them meaning. What has to hold at the instant of a write is the one
 * exception: it stands in that statement as a condition, and is an equality with what the handler brings along, or, for
 * the scopes of a refresh, that they are among the granted ones.
 *
 * Every change to a session happens under that session's row lock, in one transaction that is not interrupted: a caller
 * who hangs up must not undo a rotation, and even less a compromise. Between two transactions it ends: what was given up,
 * since the database was silent, must not judge later by what the same client has done since.
 */

import { Context, Effect, Layer, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { operation, type Refusal, type StoreUnavailable } from "../../database/query.ts"
import type { PresentedToken } from "../tokens/opaqueToken.ts"
import { EVERYTHING, Revocations } from "../tokens/Revocations.ts"
import { type AnswerOnce, type AuthorizationCode, makeCodes } from "./codes.sql.ts"
import {
  type Along,
  type Connection,
  type ConnectionFilter,
  type Disconnected,
  type Disconnection,
  type EndedBy,
  makeConnections,
  type NoSuchConnection
} from "./connections.sql.ts"
import { makeRedeem, type RedeemRequest, type Redemption } from "./redeem.sql.ts"
import { makeRefresh, type RefreshRequest, type Rotation } from "./refresh.sql.ts"
import { makeSessions, type Presenter, type TokenFacts } from "./sessions.sql.ts"
import { makeSweep, type Swept } from "./sweep.sql.ts"

export class TokenStore extends Context.Service<
  TokenStore,
  {
    /**
     * Closes an approved form for good and stores its code, with whatever `along` writes, all or nothing. The code to
     * answer with is the one that this very consent got before, while that is neither redeemed nor expired; there is
     * none when the form was answered otherwise, and nothing is written then.
     */
    readonly issueCode: <E>(
      form: AnswerOnce,
      code: AuthorizationCode,
      along: Effect.Effect<void, E | StoreUnavailable>
    ) => Effect.Effect<Redacted.Redacted | undefined, Refusal<E> | StoreUnavailable>
    /** Closes a denied form for good. `false` when it was approved before. */
    readonly denyForm: (form: AnswerOnce) => Effect.Effect<boolean, StoreUnavailable>
    /** Whether a client has a live session that began with this very redirect URI: then a person has let it in there. */
    readonly hasSession: (clientId: string, redirectUri: string) => Effect.Effect<boolean, StoreUnavailable>
    /** Redeems a code once. A second redemption by the same client revokes the session of the first, if that was answered. */
    readonly redeem: (request: RedeemRequest) => Effect.Effect<Redemption, StoreUnavailable>
    /** Whether the answer to a redemption was given: one that was is not given again. */
    readonly answered: (code: PresentedToken, wasGiven: boolean) => Effect.Effect<void, StoreUnavailable>
    /** Rotates, replays or condemns: `rotation.ts` decides which. */
    readonly refresh: (request: RefreshRequest) => Effect.Effect<Rotation, StoreUnavailable>
    /** Ends the session of a refresh token, retired or not, if it is the presenter's. */
    readonly revokeSession: (token: PresentedToken, by: Presenter) => Effect.Effect<void, StoreUnavailable>
    /** What is connected, the newest first: what lives, and what ended within the last days. */
    readonly connections: (
      filter: ConnectionFilter
    ) => Effect.Effect<ReadonlyArray<Connection>, NoSuchConnection | StoreUnavailable>
    /**
     * Ends sessions at their person's or an owner's word, everywhere with the next request, with whatever `along` writes,
     * all or nothing; those that it ended.
     */
    readonly disconnect: (
      what: Disconnection,
      by: EndedBy,
      along: Along
    ) => Effect.Effect<ReadonlyArray<Disconnected>, StoreUnavailable>
    /** What a good token stands for, without using it; `undefined` for every other. */
    readonly inspect: (
      token: PresentedToken,
      kind: "access" | "refresh"
    ) => Effect.Effect<TokenFacts | undefined, StoreUnavailable>
    /** Deletes at most `batch` rows of each kind that nobody needs any more, and counts them. */
    readonly sweep: (batch: number) => Effect.Effect<Swept, StoreUnavailable>
  }
>()("gatehouse/oauth/TokenStore") {
  static readonly layer = Layer.effect(
    TokenStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { lifetimes } = yield* ServerConfig
      const { telling } = yield* Revocations
      const codes = makeCodes(sql, lifetimes)
      const redemptions = makeRedeem(sql, lifetimes)
      const refresh = makeRefresh(sql, lifetimes)
      const sessions = makeSessions(sql)
      const connections = makeConnections(sql)
      const sweep = makeSweep(sql)

      return TokenStore.of({
        issueCode: (form, code, along) => operation(codes.issueCode(form, code, along)),
        denyForm: (form) => operation(codes.denyForm(form)),
        hasSession: (clientId, redirectUri) => operation(sessions.hasSession(clientId, redirectUri)),
        redeem: (request) =>
          operation(redemptions.redeem(request)).pipe(
            telling(request.code.sessionId, ({ _tag }: Redemption) =>
              _tag === "Replayed" ? [request.code.sessionId] : []
            ),
            Effect.onError(() => Effect.sync(() => redemptions.failed(request)))
          ),
        answered: (code, wasGiven) => operation(redemptions.answered(code, wasGiven)),
        refresh: (request) =>
          operation(refresh(request)).pipe(
            // What is refused may have been ended by somebody who has not been heard yet.
            telling(request.token.sessionId, ({ _tag }: Rotation) =>
              _tag === "Compromise" || _tag === "Refuse" ? [request.token.sessionId] : []
            )
          ),
        revokeSession: (token, by) => operation(sessions.revokeSession(token, by)).pipe(telling(token.sessionId)),
        connections: (filter) => operation(connections.list(filter)),
        disconnect: (what, by, along) =>
          operation(connections.disconnect(what, by, along)).pipe(
            telling(EVERYTHING, (ended: ReadonlyArray<Disconnected>) => ended.map(({ sessionId }) => sessionId))
          ),
        inspect: (token, kind) => operation(sessions.inspect(token, kind)),
        sweep: (batch) => operation(sweep(batch))
      })
    })
  )
}
