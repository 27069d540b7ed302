/**
 * What mounts offer, as this server lists it: what was approved, whatever the mount says now and whether it is up. Kept in memory,
 * where another instance's decisions arrive within seconds.
 */

import { Context, Effect, Layer, PubSub, Schedule, Semaphore, Stream } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { StoreUnavailable } from "../../database/query.ts"
import type { Mount } from "../mount.ts"
import { CatalogueStore, type Decided, type Recorded, type Seen } from "./CatalogueStore.ts"
import { definitionOf } from "./clean.ts"
import type { Entry, Kind } from "./definition.ts"
import { type AddedServer, ServersStore } from "./ServersStore.ts"

/** All that a mount says of itself, as it said it. */
export interface Said {
  readonly instructions: string | undefined
  readonly tools: ReadonlyArray<unknown>
  readonly prompts: ReadonlyArray<unknown>
  readonly resources: ReadonlyArray<unknown>
  readonly resourceTemplates: ReadonlyArray<unknown>
}

/** What the database knows of mounts. */
export interface Known {
  readonly entries: ReadonlyMap<string, ReadonlyArray<Entry>>
  readonly added: ReadonlyArray<AddedServer>
  readonly switchedOff: ReadonlySet<string>
}

/** Of one mount: what is more is not looked at. */
const MOST_ENTRIES = 500
/** How long another instance's decision may take to arrive. */
const LOOK_AGAIN = "5 seconds"

/** What it says, one by one, cleaned. */
export const seenOf = ({ instructions, tools, prompts, resources, resourceTemplates }: Said): ReadonlyArray<Seen> => {
  const all: ReadonlyArray<readonly [Kind, unknown]> = [
    ...(instructions === undefined ? [] : [["instructions", { name: "instructions", text: instructions }] as const]),
    ...tools.map((raw) => ["tool", raw] as const),
    ...prompts.map((raw) => ["prompt", raw] as const),
    ...resources.map((raw) => ["resource", raw] as const),
    ...resourceTemplates.map((raw) => ["template", raw] as const)
  ]
  const seen = new Map<string, Seen>()
  for (const [kind, raw] of all) {
    const made = definitionOf(kind, raw)
    if (made === undefined) continue
    // Of two by one name the first is the one that a client would get.
    const key = `${kind} ${made.name}`
    if (!seen.has(key) && seen.size < MOST_ENTRIES) seen.set(key, { kind, ...made })
  }
  return [...seen.values()]
}

export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** Another object whenever anything in it is another. */
    readonly current: () => Known
    /** After each change. */
    readonly changes: Stream.Stream<void>
    /** What a mount says now. A new one that an owner's file describes is approved; everything else waits. */
    readonly record: (mount: Mount, said: Said) => Effect.Effect<Recorded, StoreUnavailable>
    /** Answers how many of them there were. */
    readonly decide: (
      mount: string,
      decisions: ReadonlyArray<Decided>,
      by: string
    ) => Effect.Effect<number, StoreUnavailable>
    readonly add: (server: AddedServer, by: string) => Effect.Effect<boolean, StoreUnavailable>
    /** One that was added on the page, with all that is known of it. */
    readonly remove: (name: string) => Effect.Effect<boolean, StoreUnavailable>
    readonly turn: (name: string, isOff: boolean, by: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("gatehouse/gateway/catalogue/Catalogue") {
  static readonly layer = Layer.effect(
    Catalogue,
    Effect.gen(function* () {
      const { database } = yield* ServerConfig
      const store = yield* CatalogueStore
      const servers = yield* ServersStore

      const read = Effect.gen(function* () {
        // Asked first: what changes meanwhile is another revision, and read again.
        const revision = yield* store.revision
        const all = yield* store.all
        const entries = new Map<string, Array<Entry>>()
        for (const entry of all) entries.set(entry.mount, [...(entries.get(entry.mount) ?? []), entry])
        const known: Known = { entries, added: yield* servers.added, switchedOff: yield* servers.switchedOff }
        return { revision, known }
      })
      let { revision, known } = yield* read
      const told = yield* PubSub.sliding<void>(1)
      // One after the other: what was read first must not come last.
      const alone = Semaphore.makeUnsafe(1)
      const refresh = Effect.gen(function* () {
        if ((yield* store.revision) === revision) return
        const now = yield* read
        revision = now.revision
        known = now.known
        yield* PubSub.publish(told, undefined)
      }).pipe(alone.withPermits(1))
      const then = <A, E>(effect: Effect.Effect<A, E>) => Effect.tap(effect, () => refresh)

      // An embedded database has this process alone.
      if (database._tag === "Postgres") {
        yield* Effect.forkScoped(
          Effect.repeat(Effect.ignore(Effect.suspend(() => refresh)), Schedule.spaced(LOOK_AGAIN)).pipe(
            Effect.delay(LOOK_AGAIN)
          )
        )
      }

      return Catalogue.of({
        current: () => known,
        changes: Stream.fromPubSub(told),
        record: ({ name, origin }, said) =>
          then(store.record(name, seenOf(said), origin === "file" ? "file" : undefined)),
        decide: (mount, decisions, by) => then(store.decide(mount, decisions, by)),
        add: (server, by) => then(servers.add(server, by)),
        remove: (name) =>
          then(
            Effect.flatMap(servers.remove(name), (was) =>
              was ? Effect.as(store.forget(name), true) : Effect.succeed(false)
            )
          ),
        turn: (name, isOff, by) => then(servers.turn(name, isOff, by))
      })
    })
  ).pipe(Layer.provide([CatalogueStore.layer, ServersStore.layer]))
}
