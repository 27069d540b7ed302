/** Mounts for tests, and what stands behind them. */

import { join } from "node:path"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import { Credentials } from "../../src/gateway/Credentials.ts"
import type { Mount } from "../../src/gateway/mount.ts"
import type { Whose } from "../../src/gateway/upstream/contract.ts"
import { Upstreams, type UpstreamsOptions } from "../../src/gateway/upstream/Upstreams.ts"
import type { Misbehaviour } from "./misbehaving.ts"
import { marked, untilGone } from "./processes.ts"
import { temporaryFolder } from "./program.ts"

const ROOT = join(import.meta.dirname, "../..")
/** Children of a test carry it, and those that they start. */
export const MARK = "GATEHOUSE_TEST_MARK"

export const aMount = (mount: Partial<Mount> & Pick<Mount, "transport">): Mount => ({
  name: "odd",
  title: "Odd server",
  origin: "file",
  session: "shared",
  auth: "none",
  signIn: {},
  idle: Duration.minutes(10),
  timeout: Duration.seconds(20),
  keep: false,
  tools: undefined,
  people: "everyone",
  disabled: false,
  fingerprint: "1",
  ...mount
})

const stdio = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>): Mount["transport"] => ({
  _tag: "Stdio",
  command: process.execPath,
  args,
  env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, Redacted.make(value)])),
  cwd: undefined
})

/** The server of `misbehaving.ts`. */
export const misbehaving = (
  how: ReadonlyArray<Misbehaviour> = [],
  mount: Partial<Mount> = {},
  env: Readonly<Record<string, string>> = {}
): Mount => aMount({ transport: stdio([join(import.meta.dirname, "misbehaving.ts"), ...how], env), ...mount })

/** A reference server of the protocol's project. */
export const reference = (
  server: "everything" | "filesystem" | "memory" | "sequential-thinking",
  args: ReadonlyArray<string> = [],
  mount: Partial<Mount> = {},
  env: Readonly<Record<string, string>> = {}
): Mount =>
  aMount({
    name: server,
    title: server,
    transport: stdio([join(ROOT, `node_modules/@modelcontextprotocol/server-${server}/dist/index.js`), ...args], env),
    ...mount
  })

export const somebody = (subject = "ada", grant = "grant", chat?: string): Whose => ({ subject, grant, chat })

/** All that a test needs of upstreams: they are gone, and all of their processes, when the scope is closed. */
export const upstreams = Effect.fn("test.upstreams")(function* (
  options: Partial<UpstreamsOptions> = {},
  credentials: Layer.Layer<Credentials> = Credentials.none
) {
  const folder = yield* temporaryFolder
  const mark = folder.split("-").at(-1) ?? ""
  yield* Effect.addFinalizer(() => untilGone(MARK, mark))
  const { PATH = "" } = process.env
  const context = yield* Layer.build(
    Upstreams.layerOf({
      dataDir: folder,
      environment: { PATH, DATABASE_URL: "postgres://secret", SEALING_KEY: "secret", LANG: "C.UTF-8" },
      via: "via-mark",
      ...options
    }).pipe(Layer.provide(credentials))
  )
  const service = Context.get(context, Upstreams)
  return {
    ...service,
    stderr: (mount: string) => Effect.runSync(service.stderr(mount)),
    folder,
    /** What a mount's env needs, so that its processes are counted. */
    env: { [MARK]: mark },
    processes: () => marked(MARK, mark),
    call: (mount: Mount, name: string, args: Record<string, unknown> = {}, whose = somebody()) =>
      service.request(mount, whose, "tools/call", { name, arguments: args })
  }
})

/** The text of a tool's result. */
export const textOf = ({ content }: Record<string, unknown>): string => {
  const [first] = Array.isArray(content) ? content : []
  return typeof first?.text === "string" ? first.text : ""
}

/** A mount over Streamable HTTP where nobody is, with what a test wants to be different. */
export const mountOf = (over: Partial<Mount> = {}): Mount =>
  aMount({
    name: "things",
    title: "Things",
    transport: { _tag: "Http", url: "http://127.0.0.1:1/mcp", headers: {}, mayBePrivate: true },
    timeout: Duration.seconds(55),
    ...over
  })
