/** Request parameters as OAuth reads them: each at most once, an empty one as if absent (RFC 6749 §3.1, §3.2). */

import { Effect, Redacted } from "effect"
import { InvalidRequest } from "./errors.ts"

/** Parameters by name, no name twice, no value empty. A `Map`, so that no name reaches a prototype. */
export type Parameters = ReadonlyMap<string, string>

/** Reads form or query pairs; the names that stood there twice are told apart, since callers differ on them. */
export const collect = (pairs: Iterable<readonly [string, string]>) => {
  const parameters = new Map<string, string>()
  const repeated = new Set<string>()
  for (const [name, value] of pairs) {
    if (value === "") continue
    if (parameters.has(name)) repeated.add(name)
    parameters.set(name, value)
  }
  return { parameters: parameters as Parameters, repeated: repeated as ReadonlySet<string> }
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
