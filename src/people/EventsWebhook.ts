/**
 * Tells a service of the operator's what happens: events in their order, at least once, signed, by one instance at a time. What was
 * not taken is sent again, ever more seldom; nobody waits for it, and nothing is lost meanwhile, since events stay in their table.
 */

import { createHmac } from "node:crypto"
import { Clock, Duration, Effect, Layer, Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../config/ServerConfig.ts"
import { MaintenanceStore } from "../database/MaintenanceStore.ts"
import { operation } from "../database/query.ts"
import { Outbound } from "../net/outbound.ts"
import { makeEventCursor } from "./eventCursor.sql.ts"
import { exported } from "./events.sql.ts"
import { People } from "./People.ts"

const NAME = "events_webhook"
const SERVICE = "The receiver of events"
const BATCH = 100
const LOOKS_EVERY = "2 seconds"
/** How often another instance looks whether it has to take over. */
const TAKES_OVER = "1 minute"
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [1000, 5 * 60_000]

/** `t=<seconds since 1970>,v1=<HMAC-SHA-256 of "<t>.<body>" in hex>`, so that a body that was overheard is of no use later. */
export const signatureOf = (secret: Redacted.Redacted, seconds: number, body: string): string =>
  `t=${seconds},v1=${createHmac("sha256", Redacted.value(secret)).update(`${seconds}.${body}`).digest("hex")}`

const telling = Effect.fn("EventsWebhook")(function* (url: string, secret: Redacted.Redacted) {
  const people = yield* People
  const outbound = yield* Outbound
  const cursor = makeEventCursor(yield* SqlClient.SqlClient, NAME)
  let failures = 0

  /** How many were told. */
  const tell = Effect.gen(function* () {
    const last = yield* operation(cursor.read)
    const found = yield* people.eventsAfter({ after: last, limit: BATCH })
    const newest = found.at(-1)?.id
    if (newest === undefined) return 0
    const body = JSON.stringify({ events: found.map(exported) })
    const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const headers = { "gatehouse-signature": signatureOf(secret, seconds, body) }
    yield* outbound.deliver({ service: SERVICE, url, body, headers })
    // Where it stands elsewhere by now, another instance has told them too.
    yield* operation(cursor.move(last, newest))
    return found.length
  })

  const turn = Effect.matchEffect(tell, {
    onSuccess: (told) => {
      const wasAway = failures > 0 && told > 0
      if (told > 0) failures = 0
      return Effect.andThen(
        wasAway ? Effect.logInfo("events are taken again") : Effect.void,
        told === BATCH ? Effect.void : Effect.sleep(LOOKS_EVERY)
      )
    },
    onFailure: ({ message }) => {
      const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 16))
      failures++
      const said =
        failures === 1
          ? Effect.logWarning("events could not be told; they are kept, and told again").pipe(
              Effect.annotateLogs({ error: message })
            )
          : Effect.void
      return Effect.andThen(said, Effect.sleep(Duration.millis(wait)))
    }
  })
  return yield* Effect.forever(turn)
})

export const EventsWebhook = Layer.effectDiscard(
  Effect.gen(function* () {
    const { webhook, worker } = yield* ServerConfig
    // One of the workers is enough for it.
    if (webhook === undefined || worker !== 1) return
    const maintenance = yield* MaintenanceStore
    yield* maintenance.alone(NAME, telling(webhook.url, webhook.secret)).pipe(
      Effect.catchCause((cause) => Effect.logError("events cannot be told; it is tried again", cause)),
      Effect.repeat(Schedule.spaced(TAKES_OVER)),
      Effect.forkScoped
    )
  })
).pipe(Layer.provide(Outbound.layer))
