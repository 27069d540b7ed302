/** Request parameters as OAuth reads them: each once, an empty one as if absent (RFC 6749 §3.1, §3.2). */

import { Effect, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { mediaType, readText } from "../web/body.ts"
import { InvalidRequest, InvalidTarget } from "./errors.ts"
import { isResource } from "./resource.ts"

/**
 * Parameters by name, no name twice, no value empty. A `Map`, so that no name reaches a prototype. `resource` alone may be
 * sent several times (RFC 8707 §2): its values stand there with a blank between them, which no URI holds.
 */
export type Parameters = ReadonlyMap<string, string>

export interface Collected {
  readonly parameters: Parameters
  /** The names that stood there more than once; what to make of them differs from endpoint to endpoint. */
  readonly repeated: ReadonlySet<string>
}

/** Reads the pairs of a form or a query. */
export const collect = (pairs: Iterable<readonly [string, string]>): Collected => {
  const parameters = new Map<string, string>()
  const repeated = new Set<string>()
  for (const [name, value] of pairs) {
    if (value === "") continue
    const before = parameters.get(name)
    if (before !== undefined && name !== "resource") repeated.add(name)
    parameters.set(name, before !== undefined && name === "resource" ? `${before} ${value}` : value)
  }
  return { parameters, repeated }
}

/** A parameter that must be there. */
export const required = (parameters: Parameters, name: string): Effect.Effect<string, InvalidRequest> => {
  const value = parameters.get(name)
  return value === undefined
    ? Effect.fail(new InvalidRequest({ description: `${name} is missing` }))
    : Effect.succeed(value)
}

/** A required parameter that must not be printed. */
export const requiredSecret = (parameters: Parameters, name: string) =>
  Effect.map(required(parameters, name), (value) => Redacted.make(value))

/**
 * The resource that a request is for (RFC 8707 §2). There is one here: absence means it, and so does each of its names. Of
 * several that are sent, each has to be one of those.
 */
export const requestedResource = Effect.fnUntraced(function* (parameters: Parameters) {
  const config = yield* ServerConfig
  const sent = parameters.get("resource")
  if (sent === undefined || sent === config.resource) return config.resource
  if (!sent.split(" ").every((name) => isResource(config, name))) {
    // A client that was given a wrong path asks for it here, and its person reads this.
    return yield* new InvalidTarget({
      description: `resource is not one that this server protects: the MCP endpoint is ${config.resource}`
    })
  }
  return config.resource
})

const MAX_BYTES = 64 * 1024
const FORM = "application/x-www-form-urlencoded"
/** No form of ours has a tenth of it; of empty ones 64 KiB hold thirty thousand, and each costs. */
const MAX_PARAMETERS = 1000

const holdsTooMany = (form: string) => {
  let at = -1
  for (let count = 0; count < MAX_PARAMETERS; count++) {
    at = form.indexOf("&", at + 1)
    if (at < 0) return false
  }
  return true
}

/** The pairs of the posted form (RFC 6749 appendix B). */
export const readForm = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (mediaType(request) !== FORM) return yield* new InvalidRequest({ description: `the body is not ${FORM}` })
  const text = yield* readText(request, MAX_BYTES).pipe(
    Effect.catchTag("body_unreadable", ({ description }) => Effect.fail(new InvalidRequest({ description })))
  )
  if (holdsTooMany(text)) return yield* new InvalidRequest({ description: "the form has too many parameters" })
  return [...new URLSearchParams(text)]
})

/** The pairs behind the question mark. */
export const queryPairs = Effect.map(
  HttpServerRequest.HttpServerRequest,
  ({ url }) => new URLSearchParams(url.split("?").slice(1).join("?"))
)

/** The form of an endpoint that takes each parameter once, and none in its URL (RFC 6749 §3.2, OAuth 2.1 §3.2). */
export const readParameters = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.url.includes("?")) return yield* new InvalidRequest({ description: "parameters belong in the body" })
  const { parameters, repeated } = collect(yield* readForm)
  if (repeated.size > 0) return yield* new InvalidRequest({ description: "a parameter is repeated" })
  return parameters
})
