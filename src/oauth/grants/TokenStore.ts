/**
 * Codes, sessions and tokens. Reports facts; `oauth/` gives them meaning.
 *
 * Every change to a session happens under that session's row lock, in one transaction that is not interrupted: a
 * caller who hangs up must not undo a rotation, and even less a compromise.
 */

import { Context, Deferred, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { operation } from "../../database/query.ts"
import type { Principal } from "../clients/client.ts"
import type { StoreUnavailable, TokenError } from "../errors.ts"
import { makeLastUse } from "../tokens/lastUse.sql.ts"
import { fingerprintOf, type PresentedToken } from "../tokens/opaqueToken.ts"
import { AccessCache, now } from "../tokens/Revocations.ts"
import { type AuthorizationCode, makeCodes, type RedeemRequest, type Redemption } from "./codes.sql.ts"
import { makeRefresh, type RefreshRequest, type Rotation } from "./refresh.sql.ts"
import { makeSessions, type Presenter, type TokenFacts } from "./sessions.sql.ts"
import { makeSweep, type Swept } from "./sweep.sql.ts"

type Answer = Deferred.Deferred<Principal | undefined, StoreUnavailable>

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
    /** Who presents a good access token; `undefined` for every other. Marks its generation as used. */
    readonly findAccess: (token: PresentedToken) => Effect.Effect<Principal | undefined, StoreUnavailable>
    /**
     * What `findAccess` answered for a token of this fingerprint some seconds before `now`, in milliseconds of this
     * process's clock, if nothing has ended it since.
     */
    readonly recallAccess: (fingerprint: string, now: number) => Principal | undefined
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
      const cache = yield* AccessCache
      const codes = makeCodes(sql, lifetimes)
      const refresh = makeRefresh(sql, lifetimes)
      const sessions = makeSessions(sql, lifetimes)
      const sweep = makeSweep(sql)
      const lastUse = yield* makeLastUse(sql)
      const forgetting = ({ sessionId }: PresentedToken) => Effect.sync(() => cache.forget(sessionId))

      const lookUp = Effect.fnUntraced(function* (token: PresentedToken, epoch: number) {
        const facts = yield* operation(sessions.findAccess(token))
        if (facts === undefined) return undefined
        const { remaining, ...rest } = facts
        const principal: Principal = { ...rest, sessionId: token.sessionId }
        lastUse.mark(token.sessionId)
        // A revocation that was heard while the query ran may be younger than its answer.
        if (cache.epoch() === epoch) cache.keep(fingerprintOf(token), principal, remaining, yield* now)
        return principal
      })

      // Those who ask for the same token at once share a query, unless something was revoked since it began.
      const flights = new Map<string, { readonly epoch: number; readonly answer: Answer }>()
      const findAccess = (token: PresentedToken) =>
        Effect.suspend(() => {
          const key = fingerprintOf(token)
          const epoch = cache.epoch()
          const flight = flights.get(key)
          if (flight?.epoch === epoch) return Deferred.await(flight.answer)
          const answer: Answer = Deferred.makeUnsafe()
          flights.set(key, { epoch, answer })
          return lookUp(token, epoch).pipe(
            Effect.onExit((exit) => {
              if (flights.get(key)?.answer === answer) flights.delete(key)
              return Deferred.done(answer, exit)
            }),
            // Whoever hangs up must not take the others' answer along.
            Effect.uninterruptible
          )
        })

      return TokenStore.of({
        closeForm: (formId, code) => operation(codes.closeForm(formId, code)),
        redeem: (request) =>
          Effect.tap(operation(codes.redeem(request)), ({ _tag }) =>
            _tag === "Replayed" ? forgetting(request.code) : Effect.void
          ),
        refresh: (request) =>
          Effect.tap(operation(refresh(request)), ({ _tag }) =>
            _tag === "Compromise" ? forgetting(request.token) : Effect.void
          ),
        revokeAccess: (token, by) => Effect.tap(operation(sessions.revokeAccess(token, by)), forgetting(token)),
        revokeSession: (token, by) => Effect.tap(operation(sessions.revokeSession(token, by)), forgetting(token)),
        findAccess,
        recallAccess: (fingerprint, time) => {
          const principal = cache.recall(fingerprint, time)
          if (principal !== undefined) lastUse.mark(principal.sessionId)
          return principal
        },
        inspect: (token, kind) => operation(sessions.inspect(token, kind)),
        sweep: (batch) => operation(sweep(batch))
      })
    })
  )
}
