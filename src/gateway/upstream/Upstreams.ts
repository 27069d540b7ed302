/** Requests to mounts: the one way from here to the servers behind this one. */

import { Context, type Effect, type Stream } from "effect"
import type { UpstreamFailed } from "../failures.ts"
import type { Mount } from "../mount.ts"
import type { Discovered, RequestOptions, SessionStatus, Whose } from "./contract.ts"

export type { Discovered, RequestOptions, SessionStatus, Whose } from "./contract.ts"

export class Upstreams extends Context.Service<
  Upstreams,
  {
    /** One request in the session of whoever asks; the answer is the upstream's, unread. */
    readonly request: (
      mount: Mount,
      whose: Whose,
      method: string,
      params: Readonly<Record<string, unknown>>,
      options?: RequestOptions
    ) => Effect.Effect<Record<string, unknown>, UpstreamFailed>
    /** All that the mount offers, page by page, up to a size. */
    readonly discover: (mount: Mount, whose: Whose) => Effect.Effect<Discovered, UpstreamFailed>
    /** Names of mounts that said that their lists are others now. Each subscriber hears all of them. */
    readonly changes: Stream.Stream<string>
    readonly status: Effect.Effect<ReadonlyArray<SessionStatus>>
    /** The last lines that the mount's children wrote to their stderr, without its secrets. */
    readonly stderr: (mount: string) => Effect.Effect<ReadonlyArray<string>>
    /** Ends its sessions and forgets its failures. */
    readonly restart: (mount: string) => Effect.Effect<void>
  }
>()("gatehouse/gateway/upstream/Upstreams") {}
