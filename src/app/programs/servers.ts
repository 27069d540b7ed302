/** `npm run -s servers -- …`: what the servers behind this one offer, what waits for an owner, and the owner's word on it. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { version } from "../../config/version.ts"
import * as Database from "../../database/connect.ts"
import { Catalogue } from "../../gateway/catalogue/Catalogue.ts"
import type { Decision } from "../../gateway/catalogue/CatalogueStore.ts"
import { changesOf } from "../../gateway/catalogue/changes.ts"
import { type Entry, isWaiting, labelOf, waitingDigest } from "../../gateway/catalogue/definition.ts"
import { Revocations } from "../../oauth/tokens/Revocations.ts"
import { People } from "../../people/People.ts"
import { json, NotDone, printDone, printRows } from "./admin/print.ts"
import { runProgram, Settings } from "./runProgram.ts"

/** What is gone there needs a word too: calls of it fail. */
const isOpen = (entry: Entry) => isWaiting(entry) || entry.state === "gone"

const list = Command.make(
  "list",
  { json },
  Effect.fn("servers list")(function* ({ json }) {
    const { entries, added, switchedOff } = (yield* Catalogue).current()
    const names = new Set([...entries.keys(), ...added.map(({ name }) => name), ...switchedOff])
    const rows = [...names].sort().map((server) => {
      const all = entries.get(server) ?? []
      const count = (state: Entry["state"]) => all.filter((entry) => entry.state === state).length
      return {
        server,
        state: switchedOff.has(server) ? "off" : "on",
        added: added.some(({ name }) => name === server) ? "page" : "file",
        approved: count("approved"),
        waiting: all.filter(isOpen).length,
        off: count("off")
      }
    })
    yield* printRows(json, ["server", "state", "added", "approved", "waiting", "off"], rows)
  })
).pipe(Command.withDescription("The servers that are known, and how much of each waits"))

const REASONS: Readonly<Record<string, string>> = {
  new: "is new: nobody gets it yet",
  changed: "has changed: clients get the old wording",
  gone: "is gone there: calls of it fail"
}

const review = Command.make(
  "review",
  {},
  Effect.fn("servers review")(function* () {
    const { entries } = (yield* Catalogue).current()
    if (![...entries.values()].flat().some(isOpen)) return yield* Console.log("Nothing waits.")
    for (const [server, all] of entries) {
      for (const entry of all.filter(isOpen)) {
        yield* Console.log(`\n${server}: ${labelOf(entry)} ${REASONS[entry.state]}`)
        for (const { path, removed, added } of entry.state === "gone" ? [] : changesOf(entry.approved, entry.seen)) {
          yield* Console.log(`  ${path}`)
          for (const line of removed) yield* Console.log(`    - ${line}`)
          for (const line of added) yield* Console.log(`    + ${line}`)
        }
        for (const repair of entry.seen?.repairs ?? []) yield* Console.log(`  note: ${repair}`)
      }
      if (!all.some(isWaiting)) continue
      yield* Console.log(
        `\n${server} as it is shown here: npm run -s servers -- approve ${server} --shown ${waitingDigest(all)}`
      )
    }
    yield* Console.log("\nnpm run -s servers -- approve|keep|off <server> [name…] decides.")
  })
).pipe(Command.withDescription("All that waits for an owner, old against new"))

const WORDS: Readonly<Record<Decision, { readonly does: string; readonly of: (entry: Entry) => boolean }>> = {
  approve: {
    does: "Gives clients what the server says now",
    of: isWaiting
  },
  keep: { does: "Goes on with the wording that was approved", of: ({ state }) => state === "changed" },
  off: { does: "Takes from clients", of: ({ state }) => state !== "off" },
  on: { does: "Gives to clients again", of: ({ state }) => state === "off" }
}

const shown = Flag.String("shown").pipe(
  Flag.optional,
  Flag.withDescription("What `review` showed, as it says; only for approve, which needs it")
)

/** All of a server that it can mean, or those that are named. */
const deciding = (what: Decision) =>
  Command.make(
    what,
    { server: Argument.String("server"), names: Argument.String("name").pipe(Argument.variadic()), json, shown },
    Effect.fn(`servers ${what}`)(function* ({ server, names, json, shown }) {
      const catalogue = yield* Catalogue
      const all = catalogue.current().entries.get(server)
      if (all === undefined) return yield* new NotDone({ message: `there is no server ${server}` })
      const unknown = names.filter((name) => !all.some((entry) => labelOf(entry) === name || entry.name === name))
      if (unknown.length > 0) return yield* new NotDone({ message: `${server} has no ${unknown.join(", ")}` })
      // What is given to apps has to be what was looked at.
      if (what === "approve" && Option.getOrUndefined(shown) !== waitingDigest(all)) {
        const why = Option.isNone(shown) ? `say what you have looked at` : `${server} says something else by now`
        return yield* new NotDone({
          message: `${why}: npm run -s servers -- review shows it, and the command to approve it`
        })
      }
      const isWhole = names.length === 0
      // A whole server is switched as one, so that what it brings later is off as well.
      if (isWhole && (what === "off" || what === "on")) {
        yield* catalogue.turn(server, what === "off", "the command line")
        yield* (yield* People).record({ event: "servers_changed", detail: { server, what } })
        return yield* printDone(json, { server, what }, `${server} is ${what}.`)
      }
      const meant = all.filter(
        (entry) =>
          WORDS[what].of(entry) && (isWhole || names.some((name) => labelOf(entry) === name || entry.name === name))
      )
      const count = yield* catalogue.decide(
        server,
        meant.map(({ kind, name, seen }) => ({ kind, name, what, ...(seen && { digest: seen.digest }) })),
        "the command line"
      )
      if (count > 0) {
        const detail = { server, what, names: meant.map(labelOf) }
        yield* (yield* People).record({ event: "servers_changed", detail })
      }
      yield* printDone(json, { server, what, count }, `${count} of ${server}: ${what}.`)
    })
  ).pipe(Command.withDescription(`${WORDS[what].does}: all of a server, or what is named`))

const Services = Layer.mergeAll(Catalogue.layer, People.layer).pipe(
  Layer.provide(Revocations.layer),
  Layer.provideMerge(Database.layer),
  Layer.provideMerge(Settings)
)

Command.make("servers").pipe(
  Command.withDescription("Look after the servers behind this one"),
  Command.withSubcommands([list, review, deciding("approve"), deciding("keep"), deciding("off"), deciding("on")]),
  Command.provide(Services),
  Command.run({ version }),
  Effect.provide(NodeServices.layer),
  runProgram
)
