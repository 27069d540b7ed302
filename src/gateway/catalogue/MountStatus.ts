/** Mounts as they are at this moment, for whoever looks after them. */

import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../../database/query.ts"
import type { UpstreamFailed } from "../failures.ts"
import type { Mount } from "../mount.ts"

/** A session with a mount: a child, or a conversation over HTTP. */
export interface MountSession {
  readonly mount: string
  /** Whose it is: a person's id, or one of this server's own; nobody's where it is for all. */
  readonly subject?: string
  readonly state: "starting" | "up" | "down" | "crash-loop"
  readonly pid?: number
  /** Milliseconds since 1970, as the next. */
  readonly since: number
  readonly lastUsed: number
  readonly calls: number
}

export class MountStatus extends Context.Service<
  MountStatus,
  {
    /** All that are described, those that are switched off too. */
    readonly mounts: () => ReadonlyArray<Mount & { readonly isOff: boolean }>
    readonly sessions: Effect.Effect<ReadonlyArray<MountSession>>
    /** The last lines that its children wrote to their stderr. */
    readonly stderr: (mount: string) => Effect.Effect<ReadonlyArray<string>>
    readonly restart: (mount: string) => Effect.Effect<void>
    /** Asks it what it offers now; where people sign in, as this person. */
    readonly recheck: (mount: Mount, subject?: string) => Effect.Effect<void, UpstreamFailed | StoreUnavailable>
  }
>()("gatehouse/gateway/catalogue/MountStatus") {}
