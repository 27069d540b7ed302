/** `/token`, `/revoke` and `/introspect`: what clients call (RFC 6749 §3.2, RFC 7009 §2, RFC 7662 §2). */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { readParameters } from "../../web/body.ts"
import { clientAddress } from "../../web/clientAddress.ts"
import { endpoint } from "../../web/endpoint.ts"
import { admitOrigin, originAllowed } from "../../web/origins.ts"
import * as ClientAuthentication from "../clients/authentication.ts"
import type { ClientDocuments } from "../clients/ClientDocuments.ts"
import type { ClientRegistry } from "../clients/ClientRegistry.ts"
import type { Client } from "../clients/client.ts"
import type { StoreUnavailable, TokenError } from "../errors.ts"
import type { Parameters } from "../parameters.ts"
import { RateLimits } from "../RateLimits.ts"
import { answerErrors, json, NO_STORE } from "../respond.ts"
import type { ServerKeys } from "../tokens/ServerKeys.ts"
import { introspect } from "./introspect.ts"
import { revoke } from "./revoke.ts"
import type { TokenStore } from "./TokenStore.ts"
import { grant } from "./token.ts"

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
