/** What `add` is pointed at: a recipe, an address, a command, or another client's file. */

import { Effect, FileSystem, Path, Schema, Stdio, Stream } from "effect"
import { isOurs } from "../../../config/environment.ts"
import { nameOfCommand, nameOfUrl } from "../../../gateway/file/guess.ts"
import { importServers } from "../../../gateway/file/import.ts"
import { decodeRecipe, type Recipe } from "../../../gateway/file/recipe.ts"

/** Nothing was written: exit code 1. */
export class NotAdded extends Schema.TaggedError<NotAdded>()("NotAdded", { message: Schema.String }) {}

export interface Servers {
  readonly entries: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly notes: ReadonlyArray<string>
  /** Where the values of variables come from. */
  readonly needs: ReadonlyMap<string, string>
  readonly install: string | undefined
}

/** What was typed beside what it is about. */
export interface Typed {
  readonly oauth: boolean
  readonly header: ReadonlyArray<string>
  readonly env: ReadonlyArray<string>
}

const FOLDER = "../../../../recipes"
const MOST_BYTES = 1024 * 1024

/** All recipes by name. */
export const recipes = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = path.join(import.meta.dirname, FOLDER)
  const names = (yield* files.readDirectory(folder)).filter((file) => file.endsWith(".json")).sort()
  const all = yield* Effect.forEach(names, (file) =>
    Effect.map(
      Effect.flatMap(files.readFileString(path.join(folder, file)), decodeRecipe),
      (recipe): readonly [string, Recipe] => [file.replace(/\.json$/, ""), recipe]
    )
  )
  return new Map(all)
}).pipe(Effect.orDie)

/** `A: b` or `A=b`, each of which was typed. */
const pairs = Effect.fnUntraced(function* (typed: ReadonlyArray<string>, between: RegExp, like: string) {
  const read: Record<string, string> = {}
  for (const one of typed) {
    const [, name, value] = between.exec(one) ?? []
    // What was typed may be a secret.
    if (name === undefined || value === undefined) return yield* new NotAdded({ message: `write it like ${like}` })
    read[name] = value
  }
  return read
})

const only = (name: string, entry: Readonly<Record<string, unknown>>, notes: ReadonlyArray<string> = []): Servers => ({
  entries: new Map([[name, entry]]),
  notes,
  needs: new Map(),
  install: undefined
})

const atUrl = Effect.fnUntraced(function* (url: URL, { oauth, header, env }: Typed) {
  if (env.length > 0) return yield* new NotAdded({ message: "--env is for commands; an address takes --header" })
  const headers = yield* pairs(header, /^([\w-]+)\s*:\s*(.*)$/, '--header "X-Api-Key: …"')
  const entry = {
    url: url.href,
    ...(header.length > 0 && { headers }),
    ...(oauth && { auth: "oauth" })
  }
  const open = oauth || header.length > 0 ? [] : ["if people sign in there themselves, add it with --oauth"]
  return only(nameOfUrl(url), entry, open)
})

const byCommand = Effect.fnUntraced(function* (words: ReadonlyArray<string>, { oauth, header, env }: Typed) {
  if (oauth || header.length > 0) {
    return yield* new NotAdded({ message: "--oauth and --header are for addresses; a command takes --env" })
  }
  const [command = "", ...args] = words
  const values = yield* pairs(env, /^([A-Za-z_]\w*)=(.*)$/s, "--env NAME=value")
  const isFetched = /(^|\/)(npx|bunx|uvx|pnpx)(\.cmd)?$/.test(command) || args.includes("dlx")
  const notes = isFetched
    ? [
        `${command} fetches what was published last each time a child starts: install it with its exact version and run its file, ` +
          "if it is to stay as it is"
      ]
    : []
  const entry = { command, ...(args.length > 0 && { args }), ...(env.length > 0 && { env: values }) }
  return only(nameOfCommand(words), entry, notes)
})

const byRecipe = Effect.fnUntraced(function* (name: string) {
  const recipe = (yield* recipes).get(name)
  if (recipe === undefined) return undefined
  const { entry, about, needs, install } = recipe
  return {
    entries: new Map([[recipe.name ?? name, entry]]),
    notes: [about],
    needs: new Map(needs.map(({ name, where }) => [name, where])),
    install
  } satisfies Servers
})

/** Servers in another client's file that was handed in; nothing where nothing was. */
const handedIn = Effect.gen(function* () {
  const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
  if (yield* stdinIsTerminal) return undefined
  const decoder = new TextDecoder()
  const text = yield* Stream.runFoldEffect(
    stdin,
    () => "",
    (so, chunk: Uint8Array) =>
      so.length + chunk.length > MOST_BYTES
        ? Effect.fail(new NotAdded({ message: "what was handed in is larger than 1 MB" }))
        : Effect.succeed(so + decoder.decode(chunk, { stream: true }))
  ).pipe(Effect.catchTag("PlatformError", () => new NotAdded({ message: "what was handed in cannot be read" })))
  if (text.trim() === "") return undefined
  const { entries, notes, needs, problems } = importServers(text, isOurs)
  if (problems.length > 0) {
    return yield* new NotAdded({
      message: `what was handed in cannot be read:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`
    })
  }
  return {
    entries,
    notes,
    needs: new Map(needs.map(({ name, where }) => [name, where])),
    install: undefined
  } satisfies Servers
})

/** What these words mean; nothing where there are none, and nothing was handed in. */
export const pointedAt = Effect.fnUntraced(function* (words: ReadonlyArray<string>, isCommand: boolean, typed: Typed) {
  const [first, ...more] = words
  if (first === undefined) return yield* handedIn
  if (isCommand) return yield* byCommand(words, typed)
  if (more.length > 0) {
    return yield* new NotAdded({ message: `write a command after --, as in: npm run add -- -- ${words.join(" ")}` })
  }
  if (/^https?:/i.test(first)) {
    if (!URL.canParse(first)) return yield* new NotAdded({ message: "that is no address" })
    return yield* atUrl(new URL(first), typed)
  }
  const found = yield* byRecipe(first)
  if (found !== undefined) return found
  const known = [...(yield* recipes).keys()].join(", ")
  return yield* new NotAdded({
    message: `there is no recipe ${first}. Recipes: ${known}. An address begins with https://, a command stands after --`
  })
})
