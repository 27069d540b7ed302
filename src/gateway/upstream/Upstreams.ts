/** Requests to mounts: the one way from here to the servers behind this one. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, Layer, type Stream } from "effect"
import { makeGuardedFetch } from "../../net/guardedFetch.ts"
import type { PublicWebOptions } from "../../net/PublicWeb.ts"
import { makeResolve } from "../../net/publicNames.ts"
import { isPublicAddress } from "../../net/specialUse.ts"
import { Credentials } from "../Credentials.ts"
import type { UpstreamFailed } from "../failures.ts"
import type { Mount } from "../mount.ts"
import { makeChanges } from "./changes.ts"
import type { Discovered, MountHere, RequestOptions, SessionStatus, Whose } from "./contract.ts"
import type { Surroundings } from "./directory.ts"
import { discover } from "./discover.ts"
import { unavailable } from "./miss.ts"
import { makeRequests } from "./requests.ts"
import { makeSessions } from "./Sessions.ts"
import { makeStderrRing, type StderrRing } from "./StderrRing.ts"
import { makeWatchdog } from "./watchdog.ts"

export type { Discovered, RequestOptions, SessionStatus, Whose } from "./contract.ts"

export interface UpstreamsOptions extends Surroundings {
  /** What our own requests are known by: `viaOf` of this server's keys. */
  readonly via: string
  /** Whom names belong to, and which addresses are public, instead of what is so. */
  readonly web?: PublicWebOptions
}

const PUBLIC_WEB: PublicWebOptions = { resolve: makeResolve(), isPublic: isPublicAddress }

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
    /** How a mount is in this process alone. */
    readonly here: (mount: string) => MountHere
    readonly status: Effect.Effect<ReadonlyArray<SessionStatus>>
    /** The last lines that the mount's children wrote to their stderr, without its secrets. */
    readonly stderr: (mount: string) => Effect.Effect<ReadonlyArray<string>>
    /** Ends its sessions and forgets its failures. */
    readonly restart: (mount: string) => Effect.Effect<void>
  }
>()("gatehouse/gateway/upstream/Upstreams") {
  static readonly layerOf = ({ via, web = PUBLIC_WEB, ...surroundings }: UpstreamsOptions) =>
    Layer.effect(
      Upstreams,
      Effect.gen(function* () {
        const { changes, onListChanged } = yield* makeChanges()
        const rings = new Map<string, StderrRing>()
        const ringOf = (mount: string) => {
          const ring = rings.get(mount) ?? makeStderrRing()
          rings.set(mount, ring)
          return ring
        }
        const sessions = yield* makeSessions({
          stdio: { surroundings, watchdog: yield* makeWatchdog(), ringOf },
          http: { fetch: yield* makeGuardedFetch(web), credentials: yield* Credentials, via },
          onListChanged,
          legacy: new Set()
        })
        const { request } = makeRequests(sessions)
        return Upstreams.of({
          request,
          discover: Effect.fn("Upstreams.discover")(function* (mount, whose) {
            const { connection } = yield* Effect.mapError(sessions.acquire(mount, whose), ({ failure }) => failure)
            if (connection === undefined) return yield* unavailable(mount, "ended. Try again.")
            return yield* discover(connection, (method, params) =>
              request(mount, whose, method, params, { isRepeatable: true })
            )
          }),
          changes,
          here: sessions.here,
          status: sessions.status,
          stderr: (mount) => Effect.sync(() => rings.get(mount)?.lines() ?? []),
          restart: sessions.restart
        })
      })
    ).pipe(Layer.provide(NodeServices.layer))
}
