/** Streams that stay open: a few of a session, and none of them outlives the token that opened it, or the server. */

import { Clock, Deferred, Effect, type Scope, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Principal } from "../oauth/tokens/AccessTokens.ts"
import type { Authenticate } from "../oauth/tokens/bearer.ts"
import { Draining } from "../web/Draining.ts"
import { INTERNAL_ERROR, rpcError } from "./message.ts"

/** Of one session; a client has no use for more. */
const MOST = 16
const REVOCATION_INTERVAL = "5 seconds"

/** Makes what ends a response's stream with its token: at its expiry, or soon after a revocation, and with the server. */
export const makeWhileTokenLives = Effect.fnUntraced(function* (authenticate: Authenticate) {
  const draining = yield* Draining
  const open = new Map<string, number>()

  /** Counts a stream of a session for as long as its request lasts. */
  const count = (sessionId: string, streams: number) =>
    Effect.acquireRelease(
      Effect.sync(() => open.set(sessionId, streams)),
      () =>
        Effect.sync(() => {
          const left = (open.get(sessionId) ?? 1) - 1
          if (left > 0) open.set(sessionId, left)
          else open.delete(sessionId)
        })
    )

  return Effect.fn("mcp.whileTokenLives")(function* (
    { sessionId, expiresAt }: Principal,
    response: HttpServerResponse.HttpServerResponse
  ): Effect.fn.Return<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest | Scope.Scope> {
    const others = open.get(sessionId) ?? 0
    if (others >= MOST) return rpcError(429, INTERNAL_ERROR, "Too many open streams")
    yield* count(sessionId, others + 1)
    const request = yield* HttpServerRequest.HttpServerRequest
    const expiry = Effect.sleep(Math.max(0, expiresAt.getTime() - (yield* Clock.currentTimeMillis)))
    const revocation = authenticate(request.headers.authorization).pipe(
      Effect.as(false),
      // A database that does not answer ends nothing.
      Effect.catch((error) => Effect.succeed(error._tag !== "StoreUnavailable")),
      Effect.delay(REVOCATION_INTERVAL),
      Effect.repeat({ until: (ended) => ended })
    )
    if (response.body._tag !== "Stream") return response
    const stream = response.body.stream.pipe(
      Stream.interruptWhen(Effect.raceAll([expiry, revocation, Deferred.await(draining.begun)]))
    )
    return HttpServerResponse.stream(stream, { status: response.status, headers: response.headers })
  })
})
