// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are written so in these files
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawned, temporaryFolder } from "../support/program.ts"

const PROGRAM = join(import.meta.dirname, "../../src/app/programs/add.ts")

/** A folder in which somebody adds servers; what was said, and what the file holds then. */
const project = Effect.map(temporaryFolder, (folder) => {
  const path = join(folder, "gatehouse.json")
  const run = Effect.fnUntraced(function* (
    args: ReadonlyArray<string>,
    { stdin = "", env = {} }: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> } = {}
  ) {
    writeFileSync(join(folder, "stdin"), stdin)
    const command = ["/bin/sh", "-c", 'exec "$@" < stdin', "sh", process.execPath, PROGRAM, ...args]
    const program = yield* spawned(command, { PATH: process.env.PATH, ...env }, folder)
    const code = yield* program.exited
    return { code, output: program.output() }
  }, Effect.scoped)
  const servers = () => JSON.parse(readFileSync(path, "utf8")).mcpServers
  return { folder, path, run, servers }
})

const options = { timeout: 300_000 }

describe("npm run add", () => {
  it.live(
    "alone lists the recipes; a recipe is written, and what it needs is told",
    () =>
      Effect.gen(function* () {
        const { path, run, servers } = yield* project
        const listed = yield* run([])
        assert.strictEqual(listed.code, 0, listed.output)
        for (const name of ["playwright", "exa", "qdrant"]) assert.match(listed.output, new RegExp(`^  ${name} `, "m"))
        assert.isFalse(existsSync(path))

        const exa = yield* run(["exa"])
        assert.strictEqual(exa.code, 0, exa.output)
        assert.include(exa.output, "added to gatehouse.json: exa")
        assert.match(exa.output, /MCP_EXA_API_KEY= +# https:/)
        assert.include(exa.output, "npm install --save-exact exa-mcp-server@")
        assert.deepStrictEqual(servers().exa.env, { EXA_API_KEY: "${MCP_EXA_API_KEY}" })

        const set = yield* run(["exa", "--replace"], { env: { MCP_EXA_API_KEY: "0123456789" } })
        assert.include(set.output, "replaced in gatehouse.json: exa")
        assert.notInclude(set.output, "Add to .env")
        assert.notInclude(set.output, "0123456789")

        const thinking = yield* run(["sequential-thinking", "--name", "steps"])
        assert.strictEqual(thinking.code, 0, thinking.output)
        assert.sameMembers(Object.keys(servers()), ["exa", "steps"])
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "an address and a command; nothing that is there is overwritten unless that is said; --dry-run writes nothing",
    () =>
      Effect.gen(function* () {
        const { path, run, servers } = yield* project
        assert.strictEqual((yield* run(["https://mcp.example.com/mcp", "--oauth"])).code, 0)
        assert.deepStrictEqual(servers(), { example: { url: "https://mcp.example.com/mcp", auth: "oauth" } })

        const dry = yield* run(["--dry-run", "--env", "MODE=quiet", "--", "npx", "-y", "some-server", "--dry-run"])
        assert.strictEqual(dry.code, 0, dry.output)
        assert.include(dry.output, "would be added to gatehouse.json: some")
        assert.deepStrictEqual(Object.keys(servers()), ["example"])
        assert.strictEqual((yield* run(["--env", "MODE=quiet", "--", "npx", "-y", "some-server", "--dry-run"])).code, 0)
        assert.deepStrictEqual(servers().some, {
          command: "npx",
          args: ["-y", "some-server", "--dry-run"],
          env: { MODE: "quiet" }
        })

        const before = readFileSync(path, "utf8")
        const again = yield* run(["https://mcp.example.com/other"])
        assert.strictEqual(again.code, 1)
        assert.include(again.output, "example is there already and stays as it is")
        assert.strictEqual(readFileSync(path, "utf8"), before)
        const header = ["--header", "X-Mode: quiet"]
        assert.strictEqual((yield* run(["https://mcp.example.com/other", "--replace", ...header])).code, 0)
        assert.deepStrictEqual(servers().example, {
          url: "https://mcp.example.com/other",
          headers: { "X-Mode": "quiet" }
        })
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "another client's file: secrets in the open are told of and kept from others, or become variables with --to-env",
    () =>
      Effect.gen(function* () {
        const stdin = JSON.stringify({
          inputs: [{ id: "db-url", description: "The database's address" }],
          servers: {
            hub: {
              type: "http",
              url: "https://hub.example/mcp",
              headers: { Authorization: "Bearer abcd1234efgh5678" }
            },
            db: { command: "db-server", args: ["${input:db-url}"], env: { DB_PASSWORD: "it's 12345678" } },
            other: { command: "x", env: { DB_PASSWORD: "ghp_0123456789abcdef0123" } }
          }
        })
        const clear = yield* project
        const { code, output } = yield* clear.run([], { stdin })
        assert.strictEqual(code, 0, output)
        assert.include(output, "added to gatehouse.json: hub, db, other")
        assert.match(output, /hub: a secret stands in the open in headers\.Authorization/)
        assert.match(output, /DB_URL= +# The database's address/)
        assert.notInclude(output, "abcd1234efgh5678")
        assert.strictEqual(clear.servers().hub.headers.Authorization, "Bearer abcd1234efgh5678")
        assert.strictEqual(statSync(clear.path).mode & 0o777, 0o600)

        const moved = yield* project
        const told = yield* moved.run(["--to-env"], { stdin })
        assert.strictEqual(told.code, 0, told.output)
        assert.match(told.output, /^ {2}HUB_AUTHORIZATION=abcd1234efgh5678$/m)
        assert.match(told.output, /^ {2}DB_PASSWORD="it's 12345678"$/m)
        // Another value needs another name.
        assert.match(told.output, /^ {2}MCP_OTHER_DB_PASSWORD=ghp_0123456789abcdef0123$/m)
        assert.strictEqual(moved.servers().other.env.DB_PASSWORD, "${MCP_OTHER_DB_PASSWORD}")
        assert.notMatch(readFileSync(moved.path, "utf8"), /abcd1234efgh5678|ghp_/)
        assert.strictEqual(moved.servers().hub.headers.Authorization, "Bearer ${HUB_AUTHORIZATION}")
        assert.isFalse(existsSync(join(moved.folder, ".env")))
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "what cannot be used is refused with 1, and what is no command with 2; neither writes",
    () =>
      Effect.gen(function* () {
        const { path, run } = yield* project
        for (const [args, words, stdin] of [
          [["nothing"], "there is no recipe nothing", ""],
          [["npx", "some-server"], "write a command after --", ""],
          [["https://"], "that is no address", ""],
          [["http://mcp.example.com/mcp"], "must be https", ""],
          [["exa", "--name", "much too long a name"], "--name has at most 16", ""],
          [["https://x.example", "--header", "sk-0123456789abcdef"], "write it like", ""],
          [[], "there are no servers in it", '{"a": 1}'],
          [[], "line 1", '{"mcpServers": '],
          [[], "SSE transport", '{"mcpServers": {"a": {"type": "sse", "url": "https://x.example/sse"}}}']
        ] as const) {
          const { code, output } = yield* run(args, { stdin })
          assert.strictEqual(code, 1, output)
          assert.include(output, words)
          assert.notInclude(output, "sk-0123456789abcdef")
        }
        assert.strictEqual((yield* run(["exa", "--nothing"])).code, 2)
        assert.isFalse(existsSync(path))
        writeFileSync(path, "{")
        const broken = yield* run(["exa"])
        assert.strictEqual(broken.code, 1, broken.output)
        assert.include(broken.output, "gatehouse.json: line 1, column 2")
        assert.strictEqual(readFileSync(path, "utf8"), "{")
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "GATEHOUSE_FILE says where it is",
    () =>
      Effect.gen(function* () {
        const { folder, path, run } = yield* project
        const { code, output } = yield* run(["memory"], { env: { GATEHOUSE_FILE: join(folder, "servers.json") } })
        assert.strictEqual(code, 0, output)
        assert.deepStrictEqual([existsSync(path), existsSync(join(folder, "servers.json"))], [false, true])
      }).pipe(Effect.scoped),
    options
  )
})
