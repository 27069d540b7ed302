/** `/token`, `/revoke` and `/introspect`: what clients call (RFC 6749 §3.2, RFC 7009 §2, RFC 7662 §2). */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { StoreUnavailable, TokenError } from "../domain/errors.ts"
import type { Client } from "../domain/model.ts"
import type { Parameters } from "../domain/parameters.ts"
import type { ClientDocuments } from "../oauth/ClientDocuments.ts"
import * as ClientAuthentication from "../oauth/clientAuthentication.ts"
import { introspect } from "../oauth/introspect.ts"
import { revoke } from "../oauth/revoke.ts"
import { grant } from "../oauth/token.ts"
import type { ClientRegistry } from "../store/ClientRegistry.ts"
import type { ServerKeys } from "../store/ServerKeys.ts"
import type { TokenStore } from "../store/TokenStore.ts"
import { clientAddress } from "./clientAddress.ts"
import { endpoint } from "./endpoint.ts"
import { admitOrigin, originAllowed } from "./origins.ts"
import { RateLimits } from "./RateLimits.ts"
import { readParameters } from "./requestBody.ts"
import { answerErrors, json, NO_STORE } from "./respond.ts"

type Services = ServerConfig | ClientDocuments | ClientRegistry | ServerKeys | TokenStore
type Serve = (
  client: Client,
  parameters: Parameters,
  address: string
) => Effect.Effect<HttpServerResponse.HttpServerResponse, TokenError | StoreUnavailable, Services>

export const TokenRoutes = HttpRouter.use(
  Effect.fn("TokenRoutes")(function* (router) {
    const config = yield* ServerConfig
    const limits = yield* RateLimits
    const cors = { cors: (origin: string | undefined) => originAllowed(config.corsOrigins, origin) }

    /** A form, from an authenticated client, within its limits. */
    const clientEndpoint = (serve: Serve, authenticate = ClientAuthentication.authenticate) => {
      const handle = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, address: string) {
        const parameters = yield* readParameters()
        const client = yield* authenticate(parameters, request.headers.authorization)
        yield* limits.client(client.clientId)
        return yield* serve(client, parameters, address)
      })
      return HttpServerRequest.HttpServerRequest.use((request) => {
        const address = clientAddress(config.trustedProxies, request)
        return limits.failures(address, handle(request, address))
      }).pipe(answerErrors, admitOrigin(config))
    }

    const token: Serve = (client, parameters, address) =>
      Effect.map(grant(client, parameters, address), (tokens) => json(tokens))
    const revocation: Serve = (client, parameters, address) =>
      Effect.as(revoke(client, parameters, address), HttpServerResponse.empty({ status: 200, headers: NO_STORE }))

    yield* endpoint(router, "/token", { POST: clientEndpoint(token) }, cors)
    const introspection: Serve = (client, parameters) =>
      Effect.map(introspect(client, parameters), (facts) => json(facts))

    yield* endpoint(
      router,
      "/introspect",
      { POST: clientEndpoint(introspection, ClientAuthentication.authenticateConfidential) },
      cors
    )
    yield* endpoint(router, "/revoke", { POST: clientEndpoint(revocation) }, cors)
  })
)
