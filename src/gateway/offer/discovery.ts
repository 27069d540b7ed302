/** Asks mounts what they offer, so that the catalogue knows: at the start, when one says that it changed, and now and then. */

import { Context, Effect, Layer, Schedule, Stream } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { StoreUnavailable } from "../../database/query.ts"
import { Catalogue } from "../catalogue/Catalogue.ts"
import type { UpstreamFailed } from "../failures.ts"
import { MountsInUse } from "../MountsInUse.ts"
import type { Mount } from "../mount.ts"
import { Upstreams } from "../upstream/Upstreams.ts"

/** Of this server's own, where nobody has to sign in. */
const ofOurs = ({ name }: Mount) => ({ subject: `discovery of ${name}`, grant: "discovery", chat: undefined })

/** Each may be a program that is loaded first. */
const AT_ONCE = 2
const AGAIN = "1 hour"
/** For a mount of which nothing is known yet. */
const patiently = Schedule.exponential("30 seconds", 2).pipe(Schedule.upTo({ times: 8 }))

export class Discovery extends Context.Service<
  Discovery,
  {
    /** Asks one now; for a mount with sign-in, as this person. */
    readonly ask: (mount: Mount, subject?: string) => Effect.Effect<void, UpstreamFailed | StoreUnavailable>
  }
>()("gatehouse/gateway/offer/Discovery") {
  static readonly layer = Layer.effect(
    Discovery,
    Effect.gen(function* () {
      const { worker } = yield* ServerConfig
      const upstreams = yield* Upstreams
      const catalogue = yield* Catalogue
      const mounts = yield* MountsInUse
      /** Who signed in at a mount last: somebody has to be asked for. */
      const known = new Map<string, string>()

      const whoseOf = (mount: Mount) => {
        const subject = mount.auth === "oauth" ? known.get(mount.name) : undefined
        return subject === undefined ? ofOurs(mount) : { ...ofOurs(mount), subject }
      }

      const tell = (found: Effect.Success<ReturnType<typeof catalogue.record>>) => {
        const waiting = [...found.fresh, ...found.changed]
        if (found.isFirst)
          return Effect.annotateLogs(Effect.logInfo("a mount is new here"), { things: found.fresh.length })
        if (waiting.length === 0) return Effect.void
        return Effect.annotateLogs(
          Effect.logWarning(
            "a mount has something new, which waits until an owner has looked at it (/admin/servers, npm run servers -- review)"
          ),
          { waiting: waiting.join(", ") }
        )
      }

      const ask = (mount: Mount, subject?: string) =>
        Effect.gen(function* () {
          if (subject !== undefined) known.set(mount.name, subject)
          const discovered = yield* upstreams.discover(mount, whoseOf(mount))
          yield* tell(yield* catalogue.record(mount, discovered))
        }).pipe(Effect.annotateLogs({ mount: mount.name }), Effect.withSpan("discovery.ask"))

      /** In the background, where nobody hears of it but the log. */
      const look = (mount: Mount) => {
        if (mount.auth === "oauth" && !known.has(mount.name)) return Effect.void
        const isKnown = catalogue.current().entries.has(mount.name)
        return ask(mount).pipe(
          isKnown ? (asked) => asked : Effect.retry(patiently),
          Effect.catch((error) =>
            Effect.annotateLogs(Effect.logWarning(`a mount could not be asked what it offers: ${error.message}`), {
              mount: mount.name
            })
          ),
          // One mount that nobody foresaw does not keep the others from being looked at.
          Effect.catchDefect((defect) =>
            Effect.annotateLogs(Effect.logError("a mount could not be looked at", defect), { mount: mount.name })
          )
        )
      }
      const lookAt = (all: ReadonlyArray<Mount>) => Effect.forEach(all, look, { concurrency: AT_ONCE, discard: true })

      /** Those that are others than they were. */
      let before = new Map<string, string>()
      const changed = Effect.sync(() => {
        const now = mounts.current()
        const others = now.filter(({ name, fingerprint }) => before.get(name) !== fingerprint)
        const gone = [...before.keys()].filter((name) => !now.some((mount) => mount.name === name))
        const renewed = others.filter(({ name }) => before.has(name)).map(({ name }) => name)
        before = new Map(now.map(({ name, fingerprint }) => [name, fingerprint]))
        return { others, ended: [...gone, ...renewed] }
      })
      const follow = Effect.gen(function* () {
        const { others, ended } = yield* changed
        yield* Effect.forEach(ended, (name) => upstreams.restart(name), { concurrency: "unbounded", discard: true })
        // One of the workers is enough for it.
        if (worker === 1) yield* Effect.forkChild(lookAt(others), { startImmediately: true })
      })

      yield* Effect.forkScoped(
        Effect.andThen(
          follow,
          Stream.runForEach(mounts.changes, () => follow)
        )
      )
      // Heard by whoever has the session; recorded, it is known to all.
      yield* Effect.forkScoped(
        Stream.runForEach(upstreams.changes, (name) => {
          const mount = mounts.current().find((one) => one.name === name)
          return mount === undefined ? Effect.void : look(mount)
        })
      )
      if (worker === 1) {
        // A child that nobody uses is not started for it: what it offers is looked at when it is.
        const inUse = Effect.map(upstreams.status, (sessions) => {
          const up = new Set(sessions.map(({ mount }) => mount))
          return mounts.current().filter(({ name, transport }) => transport._tag === "Http" || up.has(name))
        })
        yield* Effect.forkScoped(
          Effect.repeat(Effect.flatMap(inUse, lookAt), Schedule.spaced(AGAIN)).pipe(Effect.delay(AGAIN))
        )
      }
      return Discovery.of({ ask })
    })
  )
}
