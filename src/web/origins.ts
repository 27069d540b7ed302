/** Host and Origin allow-lists: the defence against DNS rebinding and foreign pages (MCP transports, "Security"). */

import { Effect } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { ServerConfig, type ServerConfigShape } from "../config/ServerConfig.ts"
import { forbidden } from "./respond.ts"

/** `host` or `host:port`; an entry without a port matches every port. Entries are in lower case. */
export const hostAllowed = (allowed: ReadonlyArray<string>, host: string | undefined): boolean => {
  const given = host?.toLowerCase() ?? ""
  if (!/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/.test(given)) return false
  return allowed.some((entry) => entry === given || entry === given.replace(/:\d{1,5}$/, ""))
}

/** An exact origin, one whose port the entry leaves open as `:*`, or any of an app's own scheme (`vscode-webview://*`). */
export const originAllowed = (allowed: ReadonlyArray<string>, origin: string | undefined): boolean =>
  origin !== undefined &&
  allowed.some(
    (entry) =>
      entry === origin ||
      (entry.endsWith(":*") && entry === origin.replace(/(:\d{1,5})?$/, ":*")) ||
      (entry.endsWith("://*") && entry === origin.replace(/:\/\/[a-z0-9._-]+(:\d{1,5})?$/, "://*"))
  )

/** The CORS policy of an endpoint that pages of the configured origins may read: exactly those whom `admitOrigin` admits. */
export const corsOf = ({ corsOrigins }: ServerConfigShape) => ({
  cors: (origin: string | undefined) => originAllowed(corsOrigins, origin)
})

/** Keeps foreign origins from a handler. Programs send none. */
export const admitOrigin = <E, R>(handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { origin } = request.headers
    return origin === undefined || originAllowed((yield* ServerConfig).corsOrigins, origin) ? yield* handler : forbidden
  })

/** Whether a preflight was answered without admitting its origin, by a `204` that a person would take for a yes. */
export const isRefusedPreflight = (
  request: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse
): boolean =>
  request.method === "OPTIONS" &&
  response.status === 204 &&
  request.headers.origin !== undefined &&
  response.headers["access-control-allow-origin"] === undefined

/** Whether a form was posted by a page of ours. A page under `no-referrer` sends `Origin: null`. */
export const postedByUs = (config: ServerConfigShape, { headers }: HttpServerRequest.HttpServerRequest): boolean => {
  const origin = headers.origin
  const site = headers["sec-fetch-site"]
  const isSameSite = site === undefined || site === "same-origin" || site === "none"
  const isOurs = origin === undefined || origin === "null" || origin === config.issuer
  return isSameSite && (isOurs || origin === `${new URL(config.issuer).protocol}//${headers.host}`)
}
