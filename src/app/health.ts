/** `/healthz`: the process lives. `/readyz`: it can serve, so the database answers and nobody is shutting it down. */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Inspection from "../database/inspection.sql.ts"
import { within } from "../database/query.ts"
import { endpoint } from "../web/endpoint.ts"

const answer = (status: number, text: string) => HttpServerResponse.jsonUnsafe({ status: text }, { status })

const ready = Inspection.answers.pipe(
  within(2000),
  Effect.as(answer(200, "ready")),
  Effect.catch(() => Effect.succeed(answer(503, "the database does not answer")))
)

export const HealthRoutes = HttpRouter.use(
  Effect.fn("HealthRoutes")(function* (router) {
    yield* endpoint(router, "/healthz", { GET: Effect.succeed(answer(200, "alive")) })
    yield* endpoint(router, "/readyz", { GET: ready })
  })
)
