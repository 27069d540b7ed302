/** `/register` and what it hands out: clients that register and look after themselves (RFC 7591, RFC 7592). */

import { timingSafeEqual } from "node:crypto"
import { Effect, Option, Redacted } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { StoreUnavailable } from "../../database/query.ts"
import { mediaType, type PayloadTooLarge, readText } from "../../web/body.ts"
import { endpoint } from "../../web/endpoint.ts"
import * as StrictJson from "../../web/json.ts"
import { admitOrigin, corsOf } from "../../web/origins.ts"
import { json, NO_STORE } from "../../web/respond.ts"
import { InvalidClientMetadata, InvalidToken } from "../errors.ts"
import { RateLimits } from "../RateLimits.ts"
import { answerErrors, type EndpointError } from "../respond.ts"
import type { ClientRegistry } from "./ClientRegistry.ts"
import * as Registration from "./registration.ts"

const MAX_BYTES = 64 * 1024

/** The token of an `Authorization: Bearer` header; `undefined` when there is no such header. */
const bearer = (header: string | undefined) => {
  if (!/^bearer\b/i.test(header ?? "")) return undefined
  return Redacted.make(/^bearer +(\S+)$/i.exec(header ?? "")?.[1] ?? "")
}

const equal = (left: Redacted.Redacted, right: Redacted.Redacted) => {
  const [one, other] = [Buffer.from(Redacted.value(left)), Buffer.from(Redacted.value(right))]
  return one.length === other.length && timingSafeEqual(one, other)
}

const wrong = (description: string) => new InvalidClientMetadata({ description })

/** What a client says of itself, as JSON (RFC 7591 §3.1). */
const readMetadata = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (mediaType(request) !== "application/json") return yield* wrong("the body is not application/json")
  const text = yield* readText(request, MAX_BYTES).pipe(
    Effect.catchTag("body_unreadable", ({ description }) => Effect.fail(wrong(description)))
  )
  const value = StrictJson.parse(text)
  return Option.isSome(value) ? value.value : yield* wrong("the body is not strict JSON")
})

/** What is done with one client's registration for the holder of its token. */
type Manage = (
  clientId: string,
  token: Redacted.Redacted
) => Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  EndpointError | PayloadTooLarge | StoreUnavailable,
  ServerConfig | ClientRegistry | HttpServerRequest.HttpServerRequest
>

const told = Effect.map((information: object) => json(information))
const read: Manage = (clientId, token) => told(Registration.read(clientId, token))
const update: Manage = (clientId, token) =>
  told(Effect.flatMap(readMetadata, (said) => Registration.update(clientId, token, said)))
const remove: Manage = (clientId, token) =>
  Effect.as(Registration.remove(clientId, token), HttpServerResponse.empty({ status: 204, headers: NO_STORE }))

export const RegistrationRoutes = HttpRouter.use(
  Effect.fn("RegistrationRoutes")(function* (router) {
    const config = yield* ServerConfig
    const { dynamic } = config.registration
    if (dynamic === "off") return
    const limits = yield* RateLimits

    /** With an initial access token, only its holders register (RFC 7591 §3); an empty one is refused either way. */
    const admit = Effect.fnUntraced(function* (header: string | undefined) {
      const presented = bearer(header)
      const isAdmitted =
        dynamic === "open"
          ? presented === undefined || Redacted.value(presented) !== ""
          : presented !== undefined && equal(presented, dynamic.initialAccessToken)
      if (!isAdmitted) return yield* new InvalidToken({ description: "registration needs an initial access token" })
    })

    const register = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* admit(request.headers.authorization)
      yield* limits.registration
      return json(yield* Registration.register(yield* readMetadata), 201)
    })
    yield* endpoint(router, "/register", { POST: register.pipe(answerErrors, admitOrigin) }, corsOf(config))

    /** Guesses are charged like every failure. */
    const managed = (manage: Manage) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const { clientId = "" } = yield* HttpRouter.params
        return yield* manage(clientId, bearer(request.headers.authorization) ?? Redacted.make(""))
      }).pipe(limits.failures, answerErrors, admitOrigin)
    yield* endpoint(
      router,
      "/register/:clientId",
      { GET: managed(read), PUT: managed(update), DELETE: managed(remove) },
      corsOf(config)
    )
  })
)
