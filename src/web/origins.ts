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

/** An exact origin, or one whose port the entry leaves open as `*`. */
export const originAllowed = (allowed: ReadonlyArray<string>, origin: string | undefined): boolean =>
  origin !== undefined &&
  allowed.some((entry) => entry === origin || (entry.endsWith(":*") && entry === origin.replace(/(:\d{1,5})?$/, ":*")))

/** The CORS policy of an endpoint that pages of the configured origins may read. */
export const corsOf = ({ corsOrigins }: ServerConfigShape) => ({
  cors: (origin: string | undefined) => originAllowed(corsOrigins, origin)
})

/** Whether a request with this `Origin` may reach `/mcp` and the token endpoints. Programs send none. */
const originAdmitted = (config: ServerConfigShape, origin: string | undefined): boolean =>
  origin === undefined ||
  origin === config.issuer ||
  originAllowed(config.allowedOrigins, origin) ||
  originAllowed(config.corsOrigins, origin)

/** Keeps foreign origins from a handler. */
export const admitOrigin = <E, R>(handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    return originAdmitted(yield* ServerConfig, request.headers.origin) ? yield* handler : forbidden
  })

/** Whether a form was posted by a page of ours. A page under `no-referrer` sends `Origin: null`. */
export const postedByUs = (config: ServerConfigShape, { headers }: HttpServerRequest.HttpServerRequest): boolean => {
  const origin = headers.origin
  const site = headers["sec-fetch-site"]
  const isSameSite = site === undefined || site === "same-origin" || site === "none"
  const isOurs = origin === undefined || origin === "null" || origin === config.issuer
  return isSameSite && (isOurs || origin === `${new URL(config.issuer).protocol}//${headers.host}`)
}
