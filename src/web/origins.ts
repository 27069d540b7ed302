/** Host and Origin allow-lists: the defence against DNS rebinding and foreign pages (MCP transports, "Security"). */

import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ServerConfigShape } from "../config/ServerConfig.ts"

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

/** Whether a request with this `Origin` may reach `/mcp` and the token endpoints. Programs send none. */
export const originAdmitted = (config: ServerConfigShape, origin: string | undefined): boolean =>
  origin === undefined ||
  origin === config.issuer ||
  originAllowed(config.allowedOrigins, origin) ||
  originAllowed(config.corsOrigins, origin)

/** A request that no allow-list admits. It says nothing of what would be admitted. */
export const forbidden = HttpServerResponse.jsonUnsafe(
  { error: "forbidden", error_description: "this Host or Origin is not allowed here" },
  { status: 403 }
)

/** Keeps foreign origins from a handler. */
export const admitOrigin =
  (config: ServerConfigShape) =>
  <E, R>(handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    HttpServerRequest.HttpServerRequest.use((request) =>
      originAdmitted(config, request.headers.origin) ? handler : Effect.succeed(forbidden)
    )
