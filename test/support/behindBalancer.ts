/** Servers as processes of their own, all known by the name of the balancer before them. */

import { Effect } from "effect"
import { freePort, TestApp } from "./app.ts"
import { REDIRECT_URI, Unconnected } from "./client.ts"
import { ready, start } from "./program.ts"
import { takingTurns } from "./takingTurns.ts"

/** A server for each of these settings; they are what is particular to it, above all its way to the database. */
export const behindBalancer = Effect.fn("test.behindBalancer")(function* (
  each: ReadonlyArray<Readonly<Record<string, string>>>
) {
  const port = yield* freePort
  const baseUrl = `http://localhost:${port}`
  const members = yield* Effect.forEach(
    each,
    Effect.fnUntraced(function* (settings) {
      const own = yield* freePort
      const program = yield* start("main.ts", {
        BASE_URL: baseUrl,
        RATE_LIMIT_ENABLED: "false",
        AUTO_SEED_CLIENT_ID: "demo",
        AUTO_SEED_REDIRECT_URIS: REDIRECT_URI,
        MAX_DELAY_MS: "60000",
        ...settings,
        PORT: String(own)
      })
      return { port: own, baseUrl: `http://localhost:${own}`, program }
    }),
    { concurrency: "unbounded" }
  )
  yield* Effect.forEach(members, (member) => ready(member.baseUrl, member.program), { concurrency: "unbounded" })
  const ports = members.map((member) => member.port)
  const { served } = yield* takingTurns(port, ports)
  const asking =
    (url: string) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      effect.pipe(
        // The steps of a client need only the address.
        Effect.provideService(TestApp, { baseUrl: url, port } as TestApp["Service"]),
        Effect.provideService(Unconnected, true)
      )
  return {
    baseUrl,
    members,
    /** How many requests each has had from the balancer. */
    counts: () => ports.map((port) => served[port] ?? 0),
    /** Each request to whoever is next. */
    inTurn: asking(baseUrl),
    /** Past the balancer, to one of them. */
    at: (index: number) => asking(members[index]?.baseUrl ?? baseUrl)
  }
})
