/** The tools of mounts beside those of this server: one toolset, made anew when something else is approved or in use. */

import { Effect, Layer } from "effect"
import type { Offering } from "../../toolsets/Toolset.ts"
import { Toolset } from "../../toolsets/Toolset.ts"
import { Catalogue } from "../catalogue/Catalogue.ts"
import { MountsInUse } from "../MountsInUse.ts"
import { approvedOf } from "./approved.ts"
import { offeringWith } from "./offering.ts"
import { makeRequests } from "./requests.ts"

/** A toolset over another one. */
export const GatewayToolset = Layer.effect(
  Toolset,
  Effect.gen(function* () {
    const own = yield* Toolset
    const catalogue = yield* Catalogue
    const mounts = yield* MountsInUse
    const requests = yield* makeRequests

    const parts = () => [own.current(), catalogue.current(), mounts.current()] as const
    const made = ([base, { entries }, inUse]: ReturnType<typeof parts>): Offering =>
      offeringWith(
        requests,
        base,
        inUse.map((mount) => ({ mount, approved: approvedOf(entries.get(mount.name) ?? []) }))
      )
    let known = parts()
    let offering = made(known)
    const current = () => {
      const now = parts()
      if (now.some((part, index) => part !== known[index])) {
        offering = made(now)
        known = now
      }
      return offering
    }
    return Toolset.of({ current })
  })
)
