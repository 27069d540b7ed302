/** Access tokens, as whoever is called with one asks for them: in memory for seconds, else in the database. */

import { Clock, Context, Deferred, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { operation, type StoreUnavailable } from "../../database/query.ts"
import * as Access from "./access.sql.ts"
import { makeLastUse } from "./lastUse.sql.ts"
import { fingerprintOf, type PresentedToken } from "./opaqueToken.ts"
import { Revocations } from "./Revocations.ts"

/** Who is calling `/mcp`, on whose behalf and with what. */
export interface Principal {
  readonly clientId: string
  readonly subject: string
  readonly sessionId: string
  readonly scopes: ReadonlyArray<string>
  readonly resource: string
  readonly expiresAt: Date
}

/** Some hundred bytes each. */
const KEPT = 20_000

type Answer = Deferred.Deferred<Principal | undefined, StoreUnavailable>

/** A query on its way, and the one that follows it for those who may not share it. */
interface Flight {
  readonly epoch: number
  readonly answer: Answer
  next: Answer | undefined
}

export class AccessTokens extends Context.Service<
  AccessTokens,
  {
    /** Who presents a good token; `undefined` for every other. Marks its generation as used. */
    readonly find: (token: PresentedToken) => Effect.Effect<Principal | undefined, StoreUnavailable>
    /**
     * What `find` answered for a token of this fingerprint some seconds before `now`, in milliseconds of this process's
     * clock, if nothing has ended it since.
     */
    readonly recall: (fingerprint: string, now: number) => Principal | undefined
    /** Ends one token, if it is this client's. */
    readonly revoke: (token: PresentedToken, clientId: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("gatehouse/oauth/AccessTokens") {
  static readonly layer = Layer.effect(
    AccessTokens,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { lifetimes } = yield* ServerConfig
      const revocations = yield* Revocations
      const memory = revocations.memory<Principal>(KEPT)
      const lastUse = yield* makeLastUse(sql)

      const lookUp = Effect.fn("AccessTokens.lookUp")(function* (token: PresentedToken, epoch: number) {
        const row = yield* operation(Access.find(sql, lifetimes, token))
        if (row === undefined) return undefined
        const { sessionId } = token
        const principal: Principal = {
          clientId: row.client_id,
          subject: row.subject,
          sessionId,
          scopes: row.scopes,
          resource: row.resource,
          expiresAt: row.expires_at
        }
        lastUse.mark(sessionId)
        const now = yield* Clock.currentTimeMillis
        memory.keep(fingerprintOf(token), principal, { about: sessionId, epoch, remaining: row.remaining, now })
        return principal
      })

      const flights = new Map<string, Flight>()
      const fly = (key: string, token: PresentedToken, answer: Answer) =>
        Effect.suspend(() => {
          const flight: Flight = { epoch: revocations.epoch(), answer, next: undefined }
          flights.set(key, flight)
          return lookUp(token, flight.epoch).pipe(
            Effect.onExit((exit) => {
              if (flights.get(key) === flight) flights.delete(key)
              return Deferred.done(answer, exit)
            })
          )
        })

      // Whoever asks while a query is on its way shares its answer, unless that may be older than a revocation that was
      // told before they asked: then they share the next query. A database that fails one has failed the next one too.
      const find = (token: PresentedToken) =>
        Effect.suspend(() => {
          const key = fingerprintOf(token)
          const flight = flights.get(key)
          if (flight === undefined) return Effect.uninterruptible(fly(key, token, Deferred.makeUnsafe()))
          if (revocations.hears() && flight.epoch === revocations.epoch()) return Deferred.await(flight.answer)
          if (flight.next !== undefined) return Deferred.await(flight.next)
          const next: Answer = Deferred.makeUnsafe()
          flight.next = next
          return Deferred.await(flight.answer).pipe(
            Effect.andThen(fly(key, token, next)),
            Effect.onError((cause) => Deferred.failCause(next, cause)),
            // Whoever hangs up must not take the others' answer along.
            Effect.uninterruptible
          )
        })

      return AccessTokens.of({
        find,
        recall: (fingerprint, now) => {
          const principal = memory.recall(fingerprint, now)
          if (principal !== undefined) lastUse.mark(principal.sessionId)
          return principal
        },
        revoke: Effect.fn("AccessTokens.revoke")((token, clientId) =>
          Effect.uninterruptible(operation(Access.revoke(sql, token, clientId))).pipe(
            Effect.asVoid,
            revocations.telling(token.sessionId)
          )
        )
      })
    })
  )
}
