/** Changes of what a server counts and tells of itself. */

import type { Sabotage } from "../sabotages.ts"

export const telemetry: ReadonlyArray<Sabotage> = [
  {
    name: "metrics: what a worker counted is forgotten with it",
    file: "app/gathering.ts",
    find: "ended = sumOf(FAMILIES, [ended, lasting(FAMILIES, last.get(worker) ?? {})])",
    replace: "ended = sumOf(FAMILIES, [ended])",
    tests: ["test/telemetry/workers.test.ts"]
  },
  {
    name: "metrics: a request's path is a label",
    file: "web/front.ts",
    find: "httpRequests.of(route, ",
    replace: "httpRequests.of(path, ",
    tests: ["test/telemetry/metrics.test.ts"]
  },
  {
    name: "metrics: a page of somebody else's reads them under a name of its own",
    file: "telemetry/listener.ts",
    find: "if (isLocal && ",
    replace: "if (false && isLocal && ",
    tests: ["test/telemetry/metrics.test.ts"]
  },
  {
    name: "usage: of two processes in the same hour the later one stands",
    file: "telemetry/usage/UsageStore.ts",
    find: "count = u.count + excluded.count,",
    replace: "count = excluded.count,",
    tests: ["test/telemetry/usage.test.ts"]
  },
  {
    name: "events: what is not settled is told, so that what was slower is missed",
    file: "people/events.sql.ts",
    find: "return unsettled === -1 ? found : found.slice(0, unsettled)",
    replace: "return found",
    tests: ["test/people/eventsAfter.test.ts"]
  },
  {
    name: "webhook: the cursor moves on before events were taken",
    file: "people/EventsWebhook.ts",
    find: "const headers = { ",
    replace: "yield* operation(cursor.move(last, newest))\n    const headers = { ",
    tests: ["test/people/webhook.test.ts"]
  },
  {
    name: "usage: what was counted last is lost with the process",
    file: "telemetry/usage/record.ts",
    find: "yield* Effect.addFinalizer(() => record)",
    replace: "",
    tests: ["test/telemetry/usage.test.ts"]
  },
  {
    name: "traces: what a caller wrote is sent as it is",
    file: "app/otlp.ts",
    find: "traces: (data) => traces(withoutSecrets(data))",
    replace: "traces: (data) => traces(data)",
    tests: ["test/telemetry/otlp.test.ts"]
  },
  {
    name: "traces: a request is told by its address",
    file: "web/front.ts",
    find: "route === NO_ROUTE ? method :",
    replace: "route === NO_ROUTE ? request.url :",
    tests: ["test/telemetry/otlp.test.ts"]
  },
  {
    name: "traces: what a caller says of its trace ends here where nothing is traced",
    file: "telemetry/trace.ts",
    find: "return parent === undefined ? request : Effect.provideService(request, Tracer.ParentSpan, parent)",
    replace: "return request",
    tests: ["test/telemetry/otlp.test.ts"]
  },
  {
    name: "traces: spans are made of what is not traced",
    file: "app/logging.ts",
    find: "Layer.succeed(References.TracerEnabled, false)",
    replace: "Layer.succeed(References.TracerEnabled, true)",
    tests: ["test/telemetry/otlp.test.ts"]
  },
  {
    name: "otlp: as much as there is waits for a collector that does not answer",
    file: "app/otlp.ts",
    find: "if (underWay >= UNDER_WAY) ",
    replace: "if (false && underWay >= UNDER_WAY) ",
    tests: ["test/telemetry/otlp.test.ts"]
  }
]
