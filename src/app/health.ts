/** `/healthz`: the process lives. `/readyz`: it can serve, so the database answers and nobody is shutting it down. */

import { Context, Deferred, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import type { SqlClient } from "effect/sql"
import * as Inspection from "../database/inspection.sql.ts"
import { endpoint } from "../web/endpoint.ts"

/** Done when shutdown begins: requests in flight finish, new ones are told to go elsewhere, streams end. */
export class Draining extends Context.Service<Draining, Deferred.Deferred<void>>()("gatehouse/http/Draining") {
  static readonly layer = Layer.effect(Draining, Deferred.make<void>())
}

const answer = (status: number, text: string) => HttpServerResponse.jsonUnsafe({ status: text }, { status })

export const HealthRoutes = HttpRouter.use(
  Effect.fn("HealthRoutes")(function* (router) {
    const context = yield* Effect.context<SqlClient.SqlClient>()
    const ready = Inspection.answers.pipe(
      Effect.timeout("2 seconds"),
      Effect.provideContext(context),
      Effect.as(answer(200, "ready")),
      Effect.catch(() => Effect.succeed(answer(503, "the database does not answer")))
    )
    yield* endpoint(router, "/healthz", { GET: Effect.succeed(answer(200, "alive")) })
    yield* endpoint(router, "/readyz", { GET: ready })
  })
)
