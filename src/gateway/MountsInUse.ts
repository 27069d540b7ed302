/** The mounts as they are now: from the file and from the page, without those that are switched off. */

import { Context, type Stream } from "effect"
import type { Mount } from "./mount.ts"

export class MountsInUse extends Context.Service<
  MountsInUse,
  {
    /** Another array as soon as something else is in use. */
    readonly current: () => ReadonlyArray<Mount>
    /** After each change. */
    readonly changes: Stream.Stream<void>
  }
>()("gatehouse/gateway/MountsInUse") {}
