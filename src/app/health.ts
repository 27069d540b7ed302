/** `/healthz`: the process lives. `/readyz`: it can serve, so the database answers and nobody is shutting it down. */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Inspection from "../database/inspection.sql.ts"
import { within } from "../database/query.ts"
import { Draining } from "../web/Draining.ts"
import { endpoint } from "../web/endpoint.ts"

const answer = (status: number, text: string) => HttpServerResponse.jsonUnsafe({ status: text }, { status })

const answers = Inspection.answers.pipe(
  within(2000),
  Effect.as(answer(200, "ready")),
  Effect.catch(() => Effect.succeed(answer(503, "the database does not answer")))
)
const leaving = Effect.succeed(answer(503, "shutting down"))

export const HealthRoutes = HttpRouter.use(
  Effect.fn("HealthRoutes")(function* (router) {
    yield* endpoint(router, "/healthz", { GET: Effect.succeed(answer(200, "alive")) })
    const draining = yield* Draining
    const ready = Effect.suspend(() => (draining.isBegun() ? leaving : answers)).pipe(
      Effect.tap(({ status }) => Effect.sync(() => draining.asked(status === 200)))
    )
    yield* endpoint(router, "/readyz", { GET: ready })
  })
)
