/**
 * `npm run add -- playwright`: a server behind this one, written into `gatehouse.json`: a recipe, an address, a command after `--`,
 * or those of another client's file from the standard input. Nothing that is there is overwritten unless that is said.
 */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Layer, Option, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { isOurs } from "../../config/environment.ts"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { version } from "../../config/version.ts"
import { mountName } from "../../gateway/file/mounts.ts"
import { type Found, withoutSecrets } from "../../gateway/file/secrets.ts"
import { faultsOf, unset, withEntries } from "../../gateway/file/write.ts"
import { LoggingAside } from "../logging.ts"
import { NotAdded, pointedAt, recipes, type Servers } from "./add/pointedAt.ts"
import { runProgram } from "./runProgram.ts"

const SEEN = { calls: "tried", list: "tried as far as its list", refusal: "tried without a key", no: "not tried" }

const listed = Effect.gen(function* () {
  const all = [...(yield* recipes)]
  const width = Math.max(...all.map(([name]) => name.length))
  yield* Console.log(
    "Add a recipe, an address, a command after --, or another client's file (< its path).\n\nRecipes:\n"
  )
  for (const [name, { about, proven }] of all) {
    const [first = ""] = about.split(/(?<=\.) /)
    yield* Console.log(`  ${name.padEnd(width)}  ${first} (${SEEN[proven]})`)
  }
})

/** The entry by the name that was asked for. */
const renamed = Effect.fnUntraced(function* (servers: Servers, name: string | undefined) {
  if (name === undefined) return servers
  if (mountName(name) !== name) {
    return yield* new NotAdded({
      message: "--name has at most 16 letters, digits, _ and -, and begins with one of the first two"
    })
  }
  const [entry, ...others] = servers.entries.values()
  if (entry === undefined || others.length > 0) {
    return yield* new NotAdded({ message: "--name is for one server, and there are several" })
  }
  return { ...servers, entries: new Map([[name, entry]]) }
})

/** Secrets in the open: told of, or moved to variables where that was asked for. */
const secretsOf = ({ entries }: Servers, isTaken: (variable: string, value: string) => boolean) => {
  const found: Array<Found & { readonly server: string }> = []
  const clean = new Map(
    Array.from(entries, ([server, entry]) => {
      const isAnother = (variable: string, value: string) =>
        isTaken(variable, value) || found.some((one) => one.variable === variable && one.value !== value)
      const moved = withoutSecrets(server, entry, { isOurs, isTaken: isAnother })
      found.push(...moved.found.map((one) => ({ ...one, server })))
      return [server, moved.entry] as const
    })
  )
  return { found, clean }
}

/** As a line of `.env`, which knows three quotation marks and no escapes. */
const line = ({ variable, value }: Found) => {
  const mark = /^[\w.:/+=@-]*$/.test(value) ? "" : (["'", '"', "`"].find((one) => !value.includes(one)) ?? "")
  return `${variable}=${mark}${value}${mark}`
}

const tell = (title: string, lines: ReadonlyArray<string>) =>
  lines.length === 0 ? Effect.void : Console.log([title, ...lines.map((one) => `  ${one}`)].join("\n"))

/** In one move, so that a server that watches it never reads a half; a file with secrets is its owner's alone. */
const replaceFile = Effect.fnUntraced(function* (path: string, text: string, isPrivate: boolean) {
  const files = yield* FileSystem.FileSystem
  const isThere = yield* files.exists(path)
  const target = isThere ? yield* files.realPath(path) : path
  const mode = isPrivate ? 0o600 : isThere ? (yield* files.stat(target)).mode & 0o777 : 0o644
  const beside = `${target}.new`
  yield* files.writeFileString(beside, text, { mode })
  yield* files.rename(beside, target)
})

const textOf = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  return (yield* files.exists(path)) ? yield* files.readFileString(path) : undefined
})

interface Asked {
  readonly what: ReadonlyArray<string>
  readonly name: Option.Option<string>
  readonly replace: boolean
  readonly dryRun: boolean
  readonly toEnv: boolean
  readonly oauth: boolean
  readonly header: ReadonlyArray<string>
  readonly env: ReadonlyArray<string>
}

const add = Effect.fn("add")(function* ({ what, name, replace, dryRun, toEnv, ...typed }: Asked) {
  const { gatehouseFile, secrets } = yield* ServerConfig
  const { path } = gatehouseFile
  const given = yield* pointedAt(what, process.argv.includes("--"), typed)
  if (given === undefined) return yield* listed
  const servers = yield* renamed(given, Option.getOrUndefined(name))
  const lookUp = (variable: string) => {
    const value = secrets[variable]
    return value === undefined ? undefined : Redacted.value(value)
  }
  const isTaken = (variable: string, value: string) => (lookUp(variable) ?? value) !== value
  const { found, clean } = secretsOf(servers, isTaken)
  const entries = toEnv ? clean : servers.entries

  const faults = faultsOf(entries, isOurs)
  const { text, added, replaced, kept, problems } = withEntries(yield* textOf(path), entries, replace)
  const wrong = [...problems.map((problem) => `${path}: ${problem}`), ...faults]
  if (wrong.length > 0) {
    return yield* new NotAdded({
      message: `nothing was written:\n${wrong.map((problem) => `  - ${problem}`).join("\n")}`
    })
  }
  const written = [...added, ...replaced]
  const isNew = ({ server }: { readonly server: string }) => written.includes(server)
  if (dryRun) yield* Console.log(text.trimEnd())
  else if (written.length > 0) yield* replaceFile(path, text, !toEnv && found.some(isNew))

  const would = dryRun ? "would be " : ""
  if (added.length > 0) yield* Console.log(`${would}added to ${path}: ${added.join(", ")}`)
  if (replaced.length > 0) yield* Console.log(`${would}replaced in ${path}: ${replaced.join(", ")}`)
  for (const one of kept) yield* Console.log(`${one} is there already and stays as it is (--replace takes the new one)`)
  if (written.length === 0) return yield* new NotAdded({ message: "nothing was written" })

  yield* tell("\nNotes:", [
    ...servers.notes,
    ...(toEnv ? [] : found.filter(isNew)).map(
      ({ server, at, variable }) =>
        `${server}: a secret stands in the open in ${at}; with --to-env it becomes \${${variable}}, and the line for .env is shown`
    )
  ])
  const moved = toEnv ? found.filter(isNew) : []
  const missing = unset(
    written.map((one) => entries.get(one) ?? {}),
    { lookUp, isOurs }
  ).filter((variable) => moved.every((one) => one.variable !== variable))
  yield* tell("\nAdd to .env:", [
    ...new Set(moved.map(line)),
    ...missing.map((variable) => {
      const where = servers.needs.get(variable) ?? ""
      return `${variable}=${where === "" ? "" : `   # ${where}`}`
    })
  ])
  yield* tell("\nInstall it:", servers.install === undefined ? [] : [servers.install])
  yield* Console.log(
    [
      "\nTry it: npm run doctor -- --servers",
      "A server that is running reads the file by itself; a variable that is new needs a new start."
    ].join("\n")
  )
})

const flag = (name: string, purpose: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(purpose), Flag.withDefault(false))
const many = (name: string, purpose: string) => Flag.String(name).pipe(Flag.withDescription(purpose), Flag.atLeast(0))

Command.make(
  "add",
  {
    what: Argument.String("what").pipe(
      Argument.withDescription(
        "a recipe, an address, or a command after --; nothing with another client's file on stdin"
      ),
      Argument.variadic()
    ),
    name: Flag.String("name").pipe(Flag.withDescription("what it is called here"), Flag.optional),
    replace: flag("replace", "take the place of an entry that is there"),
    dryRun: flag("dry-run", "show the file, and write nothing"),
    toEnv: flag("to-env", "put variables in the place of secrets, and show the lines for .env"),
    oauth: flag("oauth", "people sign in at this address themselves"),
    header: many("header", 'a header for an address, as "Name: value"'),
    env: many("env", "a variable for a command, as NAME=value")
  },
  add
).pipe(
  Command.withDescription("Add a server behind this one to gatehouse.json; npm run add alone lists the recipes"),
  Command.provide(Layer.provideMerge(LoggingAside, ServerConfig.layer)),
  Command.run({ version }),
  Effect.provide(NodeServices.layer),
  runProgram
)
