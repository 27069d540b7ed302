import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { sabotages } from "./mutation/sabotages.ts"

const SRC = join(import.meta.dirname, "../src")
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
const textOf = (file: string) => readFileSync(join(SRC, file), "utf8")

/** Every import of a file of ours: static, of types alone, for its effect, or at run time. */
const importsOf = (file: string) =>
  [...textOf(file).matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, path = ""]) =>
    relative(SRC, join(SRC, dirname(file), path))
  )

/**
 * The rooms, from the ground up, and what each may import beside itself. A file at the root of `oauth` is a room of its
 * own kind: the words that all of the protocol speaks.
 */
const MAY_IMPORT: Readonly<Record<string, ReadonlyArray<string>>> = {
  config: [],
  telemetry: ["config"],
  doctor: [],
  net: [],
  database: ["telemetry", "config"],
  "telemetry/usage": ["telemetry", "database", "config"],
  web: ["telemetry", "config"],
  html: ["web", "config"],
  oauth: ["web", "telemetry", "database", "config"],
  "oauth/tokens": ["oauth", "database", "config"],
  "oauth/clients": ["oauth/tokens", "oauth", "web", "net", "database", "config"],
  "oauth/openid": ["oauth/clients", "oauth/tokens", "oauth", "web", "database", "config"],
  "oauth/grants": ["oauth/openid", "oauth/clients", "oauth/tokens", "oauth", "web", "telemetry", "database", "config"],
  "oauth/authorize": [
    "oauth/openid",
    "oauth/grants",
    "oauth/clients",
    "oauth/tokens",
    "oauth",
    "html",
    "web",
    "database",
    "config"
  ],
  "oauth/discovery": ["oauth/openid", "oauth/clients", "oauth", "web", "config"],
  toolsets: ["oauth", "net"],
  "toolsets/builtin": ["toolsets", "oauth", "net", "config"],
  "toolsets/own": ["toolsets/builtin", "toolsets", "oauth", "net", "config"],
  gateway: ["toolsets", "oauth"],
  "gateway/file": ["gateway", "toolsets", "oauth", "config"],
  "gateway/upstream": ["gateway", "toolsets", "oauth/tokens", "oauth", "net", "telemetry", "config"],
  "gateway/workers": ["gateway/upstream", "gateway", "config"],
  "gateway/catalogue": ["gateway", "toolsets", "oauth/tokens", "oauth", "database", "config"],
  "gateway/vault": ["gateway", "oauth/tokens", "oauth", "net", "web", "database", "config"],
  "gateway/offer": [
    "gateway/file",
    "gateway/workers",
    "gateway/upstream",
    "gateway/catalogue",
    "gateway/vault",
    "gateway",
    "toolsets",
    "oauth/tokens",
    "oauth",
    "net",
    "web",
    "telemetry",
    "database",
    "config"
  ],
  mcp: ["toolsets", "oauth/tokens", "oauth", "web", "telemetry", "database", "config"],
  people: ["oauth/openid", "oauth/grants", "oauth/tokens", "oauth", "net", "web", "database", "config"],
  backup: ["gateway/vault", "oauth/openid", "oauth/grants", "oauth/tokens", "database", "config"],
  pages: [
    "people",
    "gateway/catalogue",
    "gateway/vault",
    "gateway",
    "oauth/openid",
    "oauth/authorize",
    "oauth/grants",
    "oauth/clients",
    "oauth/tokens",
    "oauth",
    "html",
    "net",
    "web",
    "telemetry/usage",
    "telemetry",
    "database",
    "config"
  ],
  app: [
    "backup",
    "pages",
    "people",
    "mcp",
    "gateway/offer",
    "gateway/workers",
    "gateway/file",
    "gateway/upstream",
    "gateway/catalogue",
    "gateway/vault",
    "gateway",
    "toolsets/own",
    "toolsets/builtin",
    "toolsets",
    "oauth/openid",
    "oauth/authorize",
    "oauth/discovery",
    "oauth/grants",
    "oauth/clients",
    "oauth/tokens",
    "oauth",
    "html",
    "web",
    "net",
    "telemetry/usage",
    "telemetry",
    "database",
    "config"
  ],
  "app/programs": [
    "app",
    "backup",
    "people",
    "doctor",
    "mcp",
    "gateway/offer",
    "gateway/workers",
    "gateway/file",
    "gateway/upstream",
    "gateway/catalogue",
    "gateway/vault",
    "gateway",
    "toolsets/own",
    "toolsets/builtin",
    "toolsets",
    "oauth/openid",
    "oauth/grants",
    "oauth/clients",
    "oauth/tokens",
    "oauth",
    "net",
    "telemetry/usage",
    "telemetry",
    "database",
    "config"
  ],
  boot: [],
  main: ["boot", "app", "app/programs"],
  cli: ["app/programs", "config"],
  index: ["app", "toolsets"],
  testing: ["mcp", "toolsets"]
}

/** Packages that a server without mounts, passkeys, Redis, telemetry elsewhere, workers or the embedded database never uses. */
const LATER = [
  "@effect/platform-node/Undici",
  "@electric-sql/pglite",
  "@electric-sql/pglite/nodefs",
  "@modelcontextprotocol/client",
  "@redis/client",
  "@simplewebauthn/server",
  "ajv/dist/2020.js",
  "effect/observability",
  "effect/rpc"
]

/** The innermost room that a file stands in. */
const roomOf = (file: string) => {
  const folders = file.includes("/") ? dirname(file).split("/") : [file.replace(/\.[jt]s$/, "")]
  const rooms = folders.map((_, depth) => folders.slice(0, depth + 1).join("/"))
  return rooms.findLast((room) => room in MAY_IMPORT) ?? "nowhere"
}

/** SQL in a template, or given to the client as text or fragments. */
const SQL =
  /\bsql(<[^>]*>)?`|\bsql\.(unsafe|literal|insert|update|in|and|or|csv)\b|[=(,>*]\s*client(<[^>]*>)?`|\bclient\.unsafe\b/

describe("architecture", () => {
  it("every file stands in a room, and imports from below alone", () => {
    for (const file of files) {
      const room = roomOf(file)
      assert.property(MAY_IMPORT, room, file)
      for (const imported of importsOf(file)) {
        assert.include([...(MAY_IMPORT[room] ?? []), room], roomOf(imported), `${file} imports ${imported}`)
      }
    }
  })

  it("the rooms stand above each other, so there is an order to read them in", () => {
    const rooms = Object.keys(MAY_IMPORT)
    for (const [room, below] of Object.entries(MAY_IMPORT)) {
      for (const other of below) assert.isBelow(rooms.indexOf(other), rooms.indexOf(room), `${room} imports ${other}`)
    }
  })

  it("no file imports itself in a circle", () => {
    const sound = new Set<string>()
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      assert.notInclude(path, file, [...path, file].join(" -> "))
      if (sound.has(file)) return
      for (const imported of importsOf(file)) visit(imported, [...path, file])
      sound.add(file)
    }
    for (const file of files) visit(file, [])
  })

  it("what few servers need is loaded by those who come to need it, and not by every start", () => {
    const loaded = new Set<string>()
    const load = (file: string): void => {
      if (loaded.has(file)) return
      loaded.add(file)
      for (const [, specifier = ""] of textOf(file).matchAll(/^(?:import|export)\b(?! type\b)[^"=;]*"([^"]+)"/gm)) {
        if (specifier.startsWith(".")) load(join(dirname(file), specifier))
        else assert.notInclude(LATER, specifier, file)
      }
    }
    for (const file of ["main.ts", "app/app.ts", "app/programs/runProgram.ts"]) load(file)
    assert.include([...loaded], "gateway/upstream/Sessions.ts")
  })

  it("SQL stands only in files that say so by their name", () => {
    for (const file of files) {
      if (!/\.sql\.ts$|Store\.ts$/.test(file)) assert.notMatch(textOf(file), SQL, file)
    }
  })

  it("the environment is read only by the configuration", () => {
    for (const file of files) {
      if (file !== "config/ServerConfig.ts") assert.notInclude(textOf(file), "process.env", file)
    }
  })

  it("what a sabotage replaces stands there, once", () => {
    for (const { name, file, find } of sabotages) assert.strictEqual(textOf(file).split(find).length - 1, 1, name)
  })

  it("no source file is longer than a person reads in one sitting", () => {
    for (const file of files) assert.isAtMost(textOf(file).split("\n").length, 300, file)
  })
})
