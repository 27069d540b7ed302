/** `/jwks` and `/userinfo`. */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { report, type StoreUnavailable } from "../../database/query.ts"
import { endpoint } from "../../web/endpoint.ts"
import { errorBody, json, unavailable } from "../../web/respond.ts"
import { type BearerError, InvalidToken } from "../errors.ts"
import { Subjects } from "../Subjects.ts"
import { OPENID } from "../scope.ts"
import * as Bearer from "../tokens/bearer.ts"
import { userInfo } from "./idToken.ts"
import { SigningKeys } from "./SigningKeys.ts"

/** As long as a new key is told before it signs. */
const CACHE = { "cache-control": "public, max-age=60" }

const nobody = new InvalidToken({ description: "the person of this access token may not come in any more" })

/** RFC 6750 §3: without a token nothing is said but the scheme. */
const challengeOf = (error: BearerError) => {
  const attributes = [
    ...(error._tag === "missing_token" ? [] : [`error="${error._tag}"`, `error_description="${error.description}"`]),
    ...(error._tag === "insufficient_scope" ? [`scope="${OPENID.name}"`] : [])
  ]
  return attributes.length === 0 ? "Bearer" : `Bearer ${attributes.join(", ")}`
}

const refused = (error: BearerError) =>
  errorBody(
    error._tag === "insufficient_scope" ? 403 : 401,
    error._tag === "missing_token" ? "invalid_request" : error._tag,
    error._tag === "missing_token" ? "a bearer token belongs in the Authorization header" : error.description,
    { "www-authenticate": challengeOf(error) }
  )

const answered = <R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, BearerError | StoreUnavailable, R>
) =>
  Effect.catch(handler, (error) =>
    error._tag === "StoreUnavailable" ? Effect.as(report(error), unavailable) : Effect.succeed(refused(error))
  )

export const OpenidRoutes = HttpRouter.use(
  Effect.fn("OpenidRoutes")(function* (router) {
    const keys = yield* SigningKeys
    const subjects = yield* Subjects
    const authenticate = yield* Bearer.makeAuthenticate()

    const published = Effect.map(keys.published, (set) => HttpServerResponse.jsonUnsafe(set, { headers: CACHE }))

    const tell = Effect.gen(function* () {
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      const { subject, scopes } = yield* authenticate(headers.authorization)
      const lacking = Bearer.insufficient(scopes, [OPENID.name])
      if (lacking !== undefined) return yield* lacking
      const claims = yield* subjects.claimsOf(subject)
      return claims === undefined ? yield* nobody : json(userInfo(subject, scopes, claims))
    })

    yield* endpoint(router, "/jwks", { GET: answered(published) }, { cors: "*" })
    yield* endpoint(router, "/userinfo", { GET: answered(tell), POST: answered(tell) }, { cors: "*" })
  })
)
