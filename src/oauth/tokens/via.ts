/** How requests of this server's own are known: one that comes back to it went round in a circle. */

import { isMarkOf, markOf } from "./mark.ts"
import type { ServerKeys } from "./ServerKeys.ts"

/** The header that tells which server of this kind a request came through. */
export const VIA = "gatehouse-via"

/** This server's mark there, good on all of its instances: it tells nothing of it. */
export const viaOf = (keys: ServerKeys["Service"]): string => markOf(keys, "via")

/** Whether a request was sent by this very server. */
export const cameFromUs = (keys: ServerKeys["Service"], via: string | undefined): boolean =>
  via !== undefined && isMarkOf(keys, via, "via")
