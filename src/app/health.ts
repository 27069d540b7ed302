/**
 * `/healthz`: the process lives. `/readyz`: it can serve, so the database answers and nobody is shutting it down; mounts that are down
 * are none of that. `/readyz?verbose` tells an owner, signed in with a browser, what else there is to know; anybody else the same as ever.
 */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as Inspection from "../database/inspection.sql.ts"
import { MaintenanceStore } from "../database/MaintenanceStore.ts"
import { applied } from "../database/migrations.sql.ts"
import { within } from "../database/query.ts"
import { queue } from "../database/queue.ts"
import { MountStatus } from "../gateway/catalogue/MountStatus.ts"
import { visit } from "../pages/visitor.ts"
import { ready as readySeries } from "../telemetry/counts.ts"
import { atScrape } from "../telemetry/scrape.ts"
import { Draining } from "../web/Draining.ts"
import { endpoint } from "../web/endpoint.ts"

const PATIENCE_MS = 2000
const MOST_PARAMETERS = 8
/** Less than whoever asks for numbers waits. */
const SCRAPE_PATIENCE_MS = 500

const answer = (status: number, text: string, more: object = {}) =>
  HttpServerResponse.jsonUnsafe({ status: text, ...more }, { status })

const isReady = answer(200, "ready")
const silent = answer(503, "the database does not answer")
const leaving = Effect.succeed(answer(503, "shutting down"))

/** What an owner wants to know when something is slow, or not there. */
const details = Effect.gen(function* () {
  const { mounts, sessions } = yield* MountStatus
  const held = yield* sessions
  return {
    database: {
      version: yield* Inspection.serverVersion,
      schema: (yield* applied).at(-1)?.version,
      waiting_ms: Math.round(queue.delay(performance.now())),
      refused: queue.refused()
    },
    maintenance: yield* (yield* MaintenanceStore).runs,
    servers: mounts().map(({ name, isOff }) => ({
      name,
      off: isOff,
      sessions: held.filter(({ mount }) => mount === name).map(({ state }) => state)
    })),
    uptime_seconds: Math.round(process.uptime())
  }
})

/** By hand: whoever asks may ask with a query of any length. */
const isVerbose = ({ url }: HttpServerRequest.HttpServerRequest) => {
  const start = url.indexOf("?")
  return (
    start >= 0 &&
    url
      .slice(start + 1)
      .split("&", MOST_PARAMETERS)
      .some((pair) => pair.split("=", 1)[0] === "verbose")
  )
}

const answers = Effect.gen(function* () {
  yield* Inspection.answers
  if (!isVerbose(yield* HttpServerRequest.HttpServerRequest)) return isReady
  return (yield* visit)?.person.role === "owner" ? answer(200, "ready", yield* details) : isReady
}).pipe(
  within(PATIENCE_MS),
  Effect.catch(() => Effect.succeed(silent))
)

export const HealthRoutes = HttpRouter.use(
  Effect.fn("HealthRoutes")(function* (router) {
    yield* endpoint(router, "/healthz", { GET: Effect.succeed(answer(200, "alive")) })
    const draining = yield* Draining
    const ready = Effect.suspend(() => (draining.isBegun() ? leaving : answers)).pipe(
      Effect.tap(({ status }) => Effect.sync(() => draining.asked(status === 200)))
    )
    yield* endpoint(router, "/readyz", { GET: ready })
    yield* atScrape(
      Effect.map(Effect.isSuccess(within(SCRAPE_PATIENCE_MS)(Inspection.answers)), (isAnswered) => {
        readySeries.of().value = isAnswered && !draining.isBegun() ? 1 : 0
      })
    )
  })
)
