/** A server under test whose numbers are served. */

import { Context, Effect, Layer } from "effect"
import { freePort, testApp } from "./app.ts"
import { TestDatabase } from "./postgres.ts"

/** The address of `/metrics`. */
export class MetricsAt extends Context.Service<MetricsAt, string>()("test/MetricsAt") {}

/** An app that takes the variables of a port for them, and that address. */
export const served = <A, E, R>(app: (variables: Readonly<Record<string, string>>) => Layer.Layer<A, E, R>) =>
  Layer.unwrap(
    Effect.map(freePort, (port) =>
      Layer.merge(app({ METRICS_PORT: String(port) }), Layer.succeed(MetricsAt, `http://127.0.0.1:${port}/metrics`))
    )
  )

export const withMetrics = (variables: Readonly<Record<string, string>> = {}) =>
  served((port) => testApp(TestDatabase.quick, { ...port, ...variables }))
