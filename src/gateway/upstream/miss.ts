/** A request to a mount that came to nothing: what its caller is told, and what it says about the session and the mount. */

import { Duration } from "effect"
import { type UpstreamFailed, UpstreamTooSlow, UpstreamUnavailable } from "../failures.ts"
import type { Mount } from "../mount.ts"

/**
 * - `answered`: the mount is well and said no
 * - `unasked`: it never came to the mount, and says nothing of it: a sign-in is needed, or it is not asked for now
 * - `gone`: there is no such session there any more, so nothing ran
 * - `unsent`: it was never handed over
 * - `lost`: the answer will not come, and it may have run
 * - `slow`: there was no answer in time
 */
export interface Miss {
  readonly kind: "answered" | "unasked" | "gone" | "unsent" | "lost" | "slow"
  readonly failure: UpstreamFailed
}

export const unavailable = ({ title }: Pick<Mount, "title">, words: string): UpstreamUnavailable =>
  new UpstreamUnavailable({ message: `${title} ${words}` })

export const tooSlow = ({ title, timeout }: Mount): UpstreamTooSlow =>
  new UpstreamTooSlow({ message: `${title} did not answer within ${Duration.format(timeout)}.` })
