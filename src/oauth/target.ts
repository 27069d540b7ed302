/** Resource indicators: this server protects one resource (RFC 8707 §2). */

import { Effect } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { InvalidTarget } from "./errors.ts"

/** The canonical resource for what a client asked: absence means it, a trailing slash or the bare origin too. */
export const canonical = Effect.fnUntraced(function* (resource: string | undefined) {
  const config = yield* ServerConfig
  const aliases = [undefined, config.resource, `${config.resource}/`, config.issuer, `${config.issuer}/`]
  if (!aliases.includes(resource)) {
    return yield* new InvalidTarget({ description: "resource is not one that this server protects" })
  }
  return config.resource
})
