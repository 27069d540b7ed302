/** The tools of mounts beside those of this server: one toolset, made anew when something else is approved or in use. */

import { Effect, Layer } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { ServerKeys } from "../../oauth/tokens/ServerKeys.ts"
import { viaOf } from "../../oauth/tokens/via.ts"
import { upstreamChanges, upstreamChildren, upstreamUp } from "../../telemetry/counts.ts"
import { atScrape } from "../../telemetry/scrape.ts"
import { type Offering, Toolset } from "../../toolsets/Toolset.ts"
import { Catalogue } from "../catalogue/Catalogue.ts"
import { isWaiting } from "../catalogue/definition.ts"
import { MountStatus } from "../catalogue/MountStatus.ts"
import { MountFile } from "../file/MountFile.ts"
import { MountsInUse } from "../MountsInUse.ts"
import { Upstreams } from "../upstream/Upstreams.ts"
import { Vault, VaultCredentials } from "../vault/Vault.ts"
import { Routed } from "../workers/routed.ts"
import { approvedOf } from "./approved.ts"
import { Discovery } from "./discovery.ts"
import { allMounts, isOff, Mounts } from "./Mounts.ts"
import { offeringWith } from "./offering.ts"
import { makeRequests } from "./requests.ts"

/** A toolset over another one. */
const GatewayToolset = Layer.effect(
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

/** What the owner's page shows and does. */
const Status = Layer.effect(
  MountStatus,
  Effect.gen(function* () {
    const file = yield* MountFile
    const catalogue = yield* Catalogue
    const upstreams = yield* Upstreams
    const discovery = yield* Discovery
    const inUse = yield* MountsInUse
    yield* atScrape(
      Effect.sync(() => {
        for (const family of [upstreamUp, upstreamChildren, upstreamChanges]) family.clear()
        const { entries } = catalogue.current()
        for (const { name } of inUse.current()) {
          const { isDown, children } = upstreams.here(name)
          upstreamUp.of(name).value = isDown ? 0 : 1
          upstreamChildren.of(name).value = children
          upstreamChanges.of(name).value = (entries.get(name) ?? []).filter(isWaiting).length
        }
      })
    )
    return MountStatus.of({
      mounts: () => {
        const known = catalogue.current()
        return allMounts(file.current(), known).map((mount) => ({ ...mount, isOff: isOff(mount, known) }))
      },
      sessions: upstreams.status,
      stderr: upstreams.stderr,
      restart: upstreams.restart,
      recheck: discovery.ask
    })
  })
)

/** The sessions with mounts, in whichever process they live. */
const Sessions = Layer.unwrap(
  Effect.gen(function* () {
    const { dataDir, childEnvironment } = yield* ServerConfig
    const via = viaOf(yield* ServerKeys)
    return Layer.provide(Routed, Upstreams.layerOf({ via, dataDir, environment: childEnvironment }))
  })
)

/** Everything of mounts, over this server's own toolset. */
export const Gateway = GatewayToolset.pipe(
  Layer.provideMerge(Status),
  Layer.provide(Discovery.layer),
  Layer.provide(Sessions),
  Layer.provide(VaultCredentials),
  Layer.provideMerge(Vault.layer),
  Layer.provideMerge(Mounts),
  Layer.provide(MountFile.layer),
  Layer.provideMerge(Catalogue.layer)
)
