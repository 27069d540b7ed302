/** `/register` and what it hands out: clients that register and look after themselves (RFC 7591, RFC 7592). */

import { timingSafeEqual } from "node:crypto"
import { Effect, Redacted } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { type PayloadTooLarge, readMetadata } from "../../web/body.ts"
import { clientAddress } from "../../web/clientAddress.ts"
import { endpoint } from "../../web/endpoint.ts"
import { admitOrigin, originAllowed } from "../../web/origins.ts"
import { InvalidToken, type StoreUnavailable } from "../errors.ts"
import { RateLimits } from "../RateLimits.ts"
import { answerErrors, type EndpointError, json, NO_STORE } from "../respond.ts"
import type { ClientRegistry } from "./ClientRegistry.ts"
import * as Register from "./registration.ts"

/** The token of an `Authorization: Bearer` header; `undefined` when there is no such header. */
const bearer = (header: string | undefined) => {
  if (!/^bearer\b/i.test(header ?? "")) return undefined
  return Redacted.make(/^bearer +(\S+)$/i.exec(header ?? "")?.[1] ?? "")
}

const equal = (left: Redacted.Redacted, right: Redacted.Redacted) => {
  const [one, other] = [Buffer.from(Redacted.value(left)), Buffer.from(Redacted.value(right))]
  return one.length === other.length && timingSafeEqual(one, other)
}

export const RegistrationRoutes = HttpRouter.use(
  Effect.fn("RegistrationRoutes")(function* (router) {
    const config = yield* ServerConfig
    const { dynamic } = config.registration
    if (dynamic === "off") return
    const limits = yield* RateLimits
    const services = yield* Effect.context<ServerConfig | ClientRegistry>()
    const cors = { cors: (origin: string | undefined) => originAllowed(config.corsOrigins, origin) }

    /** With an initial access token, only its holders register (RFC 7591 §3); an empty one is refused either way. */
    const admit = Effect.fnUntraced(function* (header: string | undefined) {
      const presented = bearer(header)
      const admitted =
        dynamic === "open"
          ? presented === undefined || Redacted.value(presented) !== ""
          : presented !== undefined && equal(presented, dynamic.initialAccessToken)
      if (!admitted) return yield* new InvalidToken({ description: "registration needs an initial access token" })
    })

    const register = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* admit(request.headers.authorization)
      yield* limits.registration(clientAddress(config.trustedProxies, request))
      return json(yield* Register.register(yield* readMetadata()), 201)
    }).pipe(Effect.provideContext(services), answerErrors, admitOrigin(config))
    yield* endpoint(router, "/register", { POST: register }, cors)

    /** One client's registration, for the holder of its token. Guesses are charged like every failure. */
    const managed = (
      manage: (
        clientId: string,
        token: Redacted.Redacted
      ) => Effect.Effect<
        HttpServerResponse.HttpServerResponse,
        EndpointError | PayloadTooLarge | StoreUnavailable,
        ServerConfig | ClientRegistry | HttpServerRequest.HttpServerRequest
      >
    ) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const { clientId = "" } = yield* HttpRouter.params
        const token = bearer(request.headers.authorization) ?? Redacted.make("")
        return yield* limits.failures(clientAddress(config.trustedProxies, request), manage(clientId, token))
      }).pipe(Effect.provideContext(services), answerErrors, admitOrigin(config))
    const told = Effect.map((information: object) => json(information))
    yield* endpoint(
      router,
      "/register/:clientId",
      {
        GET: managed((clientId, token) => told(Register.read(clientId, token))),
        PUT: managed((clientId, token) =>
          told(Effect.flatMap(readMetadata(), (said) => Register.update(clientId, token, said)))
        ),
        DELETE: managed((clientId, token) =>
          Effect.as(Register.remove(clientId, token), HttpServerResponse.empty({ status: 204, headers: NO_STORE }))
        )
      },
      cors
    )
  })
)
