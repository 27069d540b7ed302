/** `gatehouse init`: the beginning of a project. What is there already stays as it is. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Path, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { version } from "../../config/version.ts"
import { runProgram } from "./runProgram.ts"

/** Nothing was written: exit code 1. */
class NotBegun extends Schema.TaggedError<NotBegun>()("NotBegun", { message: Schema.String }) {}

const HELLO = `import { tool } from "gatehouse-server"
import { z } from "zod"

export default tool({
  name: "hello",
  title: "Hello",
  description: "Greets somebody by name.",
  hints: { readOnly: true, openWorld: false },
  input: z.object({ name: z.string().min(1).describe("who is greeted") }),
  output: z.object({ greeting: z.string() }),
  run: ({ name }) => ({ greeting: \`Hello, \${name}!\` })
})
`

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2024",
    "module": "nodenext",
    "types": ["node"],
    "noEmit": true,
    "strict": true,
    "allowImportingTsExtensions": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true,
    "skipLibCheck": true
  },
  "include": ["tools"]
}
`

const IGNORED = `node_modules/
.data/
.env
`

/** By the names that messages of the server use. */
const SCRIPTS = {
  start: "gatehouse start",
  dev: "gatehouse dev",
  tools: "gatehouse tools",
  add: "gatehouse add",
  doctor: "gatehouse doctor",
  admin: "gatehouse admin",
  "owner:link": "gatehouse admin owner link",
  "person:reset": "gatehouse admin people reset",
  "db:init": "gatehouse db init",
  "db:check": "gatehouse db check",
  "cleanup:run": "gatehouse cleanup"
}

const Members = Schema.Record(Schema.String, Schema.String)
const decodeManifest = Schema.decodeUnknownEffect(
  Schema.fromJsonString(
    Schema.StructWithRest(
      Schema.Struct({
        type: Schema.optionalKey(Schema.String),
        scripts: Schema.optionalKey(Members),
        dependencies: Schema.optionalKey(Members),
        devDependencies: Schema.optionalKey(Members),
        allowScripts: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
      }),
      [Schema.Record(Schema.String, Schema.Unknown)]
    )
  )
)

/** A manifest with what a project of tools needs; `npm install gatehouse-server` may have made it. */
const completed = Effect.fnUntraced(function* (text: string) {
  const {
    type = "module",
    scripts,
    dependencies,
    devDependencies,
    allowScripts,
    ...rest
  } = yield* decodeManifest(text).pipe(
    Effect.mapError(() => new NotBegun({ message: "package.json is there, and cannot be read" }))
  )
  if (type !== "module") {
    return yield* new NotBegun({ message: `package.json says "type": "${type}"; tools need "module"` })
  }
  const manifest = {
    private: true,
    ...rest,
    type,
    scripts: { ...SCRIPTS, ...scripts },
    dependencies: { "gatehouse-server": version, zod: "^4.6.7", ...dependencies },
    devDependencies: { "@types/node": "^24.0.0", ...devDependencies },
    // The empty database for the first start is made when it is installed; without it, that start takes seconds longer.
    allowScripts: { "gatehouse-server": true, ...allowScripts }
  }
  return `${JSON.stringify(manifest, undefined, 2)}\n`
})

const begin = Effect.fn("init")(function* ({ folder }: { readonly folder: string }) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const parts = {
    "tools/hello.ts": HELLO,
    ".env.example": yield* files.readFileString(path.join(import.meta.dirname, "../../../.env.example")),
    "tsconfig.json": TSCONFIG,
    ".gitignore": IGNORED
  }
  const there = yield* Effect.filter(Object.keys(parts), (file) => files.exists(path.join(folder, file)))
  if (there.length > 0) {
    return yield* new NotBegun({ message: `nothing was written, since there is already: ${there.join(", ")}` })
  }
  const manifest = path.join(folder, "package.json")
  const known = (yield* files.exists(manifest)) ? yield* files.readFileString(manifest) : "{}"
  const all = { ...parts, "package.json": yield* completed(known) }

  yield* files.makeDirectory(path.join(folder, "tools"), { recursive: true })
  for (const [file, text] of Object.entries(all)) yield* files.writeFileString(path.join(folder, file), text)
  yield* Console.log(
    [
      `Your first tool is in ${path.join(folder, "tools/hello.ts")}. Next:`,
      "",
      ...(folder === "." ? [] : [`  cd ${folder}`]),
      "  npm install",
      "  npm run tools     # what is offered",
      "  npm run dev       # the server; tools are reloaded as you write them"
    ].join("\n")
  )
})

Command.make(
  "init",
  { folder: Argument.String("folder").pipe(Argument.withDescription("where to"), Argument.withDefault(".")) },
  begin
).pipe(
  Command.withDescription("Begin a project: a first tool, and what it needs. Nothing is overwritten"),
  Command.run({ version }),
  Effect.provide(NodeServices.layer),
  runProgram
)
