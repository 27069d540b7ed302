/** `/healthz`: the process lives. `/readyz`: it can serve, so the database answers and nobody is shutting it down. */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Inspection from "../database/inspection.sql.ts"
import { within } from "../database/query.ts"
import { ready as isReady } from "../telemetry/counts.ts"
import { atScrape } from "../telemetry/scrape.ts"
import { Draining } from "../web/Draining.ts"
import { endpoint } from "../web/endpoint.ts"

const answer = (status: number, text: string) => HttpServerResponse.jsonUnsafe({ status: text }, { status })

const answersWithin = (milliseconds: number) =>
  Inspection.answers.pipe(
    within(milliseconds),
    Effect.as(answer(200, "ready")),
    Effect.catch(() => Effect.succeed(answer(503, "the database does not answer")))
  )
const answers = answersWithin(2000)
/** Less than whoever asks for numbers waits. */
const answersSoon = answersWithin(500)
const leaving = Effect.succeed(answer(503, "shutting down"))

export const HealthRoutes = HttpRouter.use(
  Effect.fn("HealthRoutes")(function* (router) {
    yield* endpoint(router, "/healthz", { GET: Effect.succeed(answer(200, "alive")) })
    const draining = yield* Draining
    const unlessLeaving = (ready: typeof answers) => Effect.suspend(() => (draining.isBegun() ? leaving : ready))
    const ready = unlessLeaving(answers).pipe(
      Effect.tap(({ status }) => Effect.sync(() => draining.asked(status === 200)))
    )
    yield* endpoint(router, "/readyz", { GET: ready })
    yield* atScrape(
      Effect.map(unlessLeaving(answersSoon), ({ status }) => {
        isReady.of().value = status === 200 ? 1 : 0
      })
    )
  })
)
