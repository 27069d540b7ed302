/** The numbers of this process, told where the configuration says: by itself, or by the process that looks after it. */

import { Effect, Layer, Schedule } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { version } from "../config/version.ts"
import * as Inspection from "../database/inspection.sql.ts"
import { operation } from "../database/query.ts"
import { queue } from "../database/queue.ts"
import * as Counts from "../telemetry/counts.ts"
import { metricsTold } from "../telemetry/push.ts"
import { atScrape, scrape, watchLoop } from "../telemetry/scrape.ts"
import { AnswerGathering } from "./gathering.ts"
import { isWorker } from "./workers.ts"

const lookAtQueue = Effect.sync(() => {
  const { atWork, waiting } = queue.load()
  Counts.poolInUse.of().value = atWork
  Counts.poolWaiting.of().value = waiting
})

/** What takes the database a while is looked up apart, once for all workers. */
const lookAtDatabase = Effect.map(operation(Inspection.inUse), ({ sessions, clients }) => {
  Counts.sessionsActive.of().value = sessions
  Counts.clients.of().value = clients
}).pipe(Effect.ignore)

export const Metrics = Layer.unwrap(
  Effect.map(ServerConfig, ({ metrics, otlp, worker, workers }) => {
    if (metrics === undefined && otlp?.to.metrics === undefined) return Layer.empty
    const looks = Effect.gen(function* () {
      Counts.info.of(version).value = 1
      yield* atScrape(lookAtQueue)
      yield* watchLoop
      if (worker === 1) yield* Effect.forkScoped(Effect.repeat(lookAtDatabase, Schedule.spaced("1 minute")))
    })
    return Layer.merge(Layer.effectDiscard(looks), workers > 1 && isWorker ? AnswerGathering : metricsTold(scrape))
  })
)
