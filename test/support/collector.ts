/** An OTLP collector on loopback, which keeps what it is sent. */

import { createServer, type IncomingMessage } from "node:http"
import { gunzipSync } from "node:zlib"
import { Effect } from "effect"
import { listening } from "./fetchServer.ts"

interface Told {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: number; readonly doubleValue?: number }
}
type Attributes = Readonly<Record<string, string | number | undefined>>
const attributesOf = (told: ReadonlyArray<Told> = []): Attributes =>
  Object.fromEntries(told.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue]))

export interface Sent {
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: Buffer
}

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly status: { readonly code: number }
  readonly links: ReadonlyArray<{ readonly spanId: string }>
  readonly attributes: Attributes
}

export interface LogRecord {
  readonly traceId?: string
  readonly body: { readonly stringValue?: string }
  readonly attributes: Attributes
}

interface Point {
  readonly attributes: Attributes
  readonly asDouble?: number
  readonly count?: number
  readonly sum?: number
  readonly bucketCounts?: ReadonlyArray<number>
  readonly explicitBounds?: ReadonlyArray<number>
}
interface Points {
  readonly dataPoints: ReadonlyArray<Omit<Point, "attributes"> & { readonly attributes: ReadonlyArray<Told> }>
}

/** What it was sent is read as JSON where it is looked at. It answers as it is told to, or never. */
export const collector = Effect.fn("test.collector")(function* (
  answers: number | "never" = 200,
  headers: Readonly<Record<string, string>> = {}
) {
  const sent: Array<Sent> = []
  let open = 0
  let most = 0
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    most = Math.max(most, ++open)
    response.once("close", () => open--)
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const body = Buffer.concat(chunks)
      const { url = "" } = request
      sent.push({
        path: url,
        headers: request.headers,
        body: request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body
      })
      if (answers !== "never") response.writeHead(answers, headers).end()
    })
  })
  const port = yield* listening(server)
  const read = (path: string) => sent.filter((one) => one.path === path).map(({ body }) => JSON.parse(String(body)))
  const told = <A extends { readonly attributes?: ReadonlyArray<Told> }>(one: A) => ({
    ...one,
    attributes: attributesOf(one.attributes)
  })
  return {
    url: `http://127.0.0.1:${port}`,
    sent,
    /** How many requests there were at a time. */
    most: () => most,
    text: () => sent.map(({ body }) => body.toString("latin1")).join("\n"),
    resources: (path: string): ReadonlyArray<Attributes> =>
      read(path).flatMap((body) =>
        (body.resourceLogs ?? body.resourceMetrics ?? body.resourceSpans).map(
          ({ resource }: { readonly resource: { readonly attributes: ReadonlyArray<Told> } }) =>
            attributesOf(resource.attributes)
        )
      ),
    spans: (): ReadonlyArray<Span> =>
      read("/v1/traces").flatMap((body) => body.resourceSpans[0].scopeSpans[0].spans.map(told)),
    logs: (): ReadonlyArray<LogRecord> =>
      read("/v1/logs").flatMap((body) => body.resourceLogs[0].scopeLogs[0].logRecords.map(told)),
    /** What was said last of a metric, if anything was. */
    points: (name: string): ReadonlyArray<Point> => {
      const metrics: ReadonlyArray<{ name: string; sum?: Points; gauge?: Points; histogram?: Points }> = read(
        "/v1/metrics"
      ).flatMap((body) => body.resourceMetrics[0].scopeMetrics[0].metrics)
      const last = metrics.findLast((metric) => metric.name === name)
      return (last?.sum ?? last?.gauge ?? last?.histogram)?.dataPoints.map(told) ?? []
    }
  }
})
