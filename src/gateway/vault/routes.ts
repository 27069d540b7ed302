/** What this server says of itself as a client, mount by mount: a client ID metadata document, whose address is the client's id. */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { endpoint } from "../../web/endpoint.ts"
import { notFound } from "../../web/respond.ts"
import { MountsInUse } from "../MountsInUse.ts"
import { isSignedInAt } from "./discovery.ts"
import { documentOf, documentPath } from "./identity.ts"

const CACHE = { "cache-control": "public, max-age=300" }

export const VaultRoutes = HttpRouter.use(
  Effect.fn("VaultRoutes")(function* (router) {
    const { issuer } = yield* ServerConfig
    const { current } = yield* MountsInUse
    const document = Effect.map(HttpRouter.params, ({ name = "" }) =>
      current().some((mount) => mount.name === name && isSignedInAt(mount))
        ? HttpServerResponse.jsonUnsafe(documentOf(issuer, name), { headers: CACHE })
        : notFound
    )
    yield* endpoint(router, documentPath(":name"), { GET: document })
  })
)
