/** `/token`, `/revoke` and `/introspect`: what clients call (RFC 6749 §3.2, RFC 7009 §2, RFC 7662 §2). */

import { Effect, type Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { StoreUnavailable } from "../../database/query.ts"
import { callerAddress } from "../../web/clientAddress.ts"
import { endpoint } from "../../web/endpoint.ts"
import { note } from "../../web/notes.ts"
import { admitOrigin, corsOf } from "../../web/origins.ts"
import { json, NO_STORE } from "../../web/respond.ts"
import { authenticate, authenticateConfidential } from "../clients/authentication.ts"
import type { ClientDocuments } from "../clients/ClientDocuments.ts"
import type { ClientRegistry } from "../clients/ClientRegistry.ts"
import type { Client } from "../clients/client.ts"
import type { TokenError } from "../errors.ts"
import type { SigningKeys } from "../openid/SigningKeys.ts"
import { type Parameters, readParameters } from "../parameters.ts"
import { RateLimits } from "../RateLimits.ts"
import { answerErrors } from "../respond.ts"
import type { ScopeCatalogue } from "../scope.ts"
import type { AccessTokens } from "../tokens/AccessTokens.ts"
import type { ServerKeys } from "../tokens/ServerKeys.ts"
import { introspect } from "./introspect.ts"
import { revoke } from "./revoke.ts"
import type { Presenter } from "./sessions.sql.ts"
import type { TokenStore } from "./TokenStore.ts"
import { authenticateGrantee, grant } from "./token.ts"

type Services =
  | ServerConfig
  | AccessTokens
  | ClientDocuments
  | ClientRegistry
  | SigningKeys
  | ScopeCatalogue
  | ServerKeys
  | TokenStore
  | Scope.Scope

/** An answer to an authenticated client. */
type Serve = (
  client: Client,
  parameters: Parameters,
  by: Presenter
) => Effect.Effect<HttpServerResponse.HttpServerResponse, TokenError | StoreUnavailable, Services>

const token: Serve = (client, parameters, by) => Effect.map(grant(client, parameters, by), (tokens) => json(tokens))
const revocation: Serve = (_, parameters, by) =>
  Effect.as(revoke(parameters, by), HttpServerResponse.empty({ status: 200, headers: NO_STORE }))
const introspection: Serve = (client, parameters) => Effect.map(introspect(client, parameters), (facts) => json(facts))

export const TokenRoutes = HttpRouter.use(
  Effect.fn("TokenRoutes")(function* (router) {
    const cors = corsOf(yield* ServerConfig)
    const limits = yield* RateLimits

    /** A form, from an authenticated client, within its limits. */
    const forClients = (serve: Serve, authenticated: typeof authenticateGrantee = authenticate) => {
      const answer = Effect.fnUntraced(function* (parameters: Parameters) {
        const request = yield* HttpServerRequest.HttpServerRequest
        const { client, method } = yield* authenticated(parameters, request.headers.authorization)
        yield* note({ client_id: client.clientId })
        yield* limits.client(client.clientId)
        return yield* serve(client, parameters, { clientId: client.clientId, method, address: yield* callerAddress })
      })
      return Effect.flatMap(readParameters, (parameters) =>
        Effect.tapError(answer(parameters), () => note({ client_id: parameters.get("client_id")?.slice(0, 200) }))
      ).pipe(limits.failures, answerErrors, admitOrigin)
    }

    yield* endpoint(router, "/token", { POST: forClients(token, authenticateGrantee) }, cors)
    yield* endpoint(router, "/revoke", { POST: forClients(revocation) }, cors)
    yield* endpoint(router, "/introspect", { POST: forClients(introspection, authenticateConfidential) }, cors)
  })
)
