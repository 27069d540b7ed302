/**
 * Mounted servers die, hang, lie and answer late, while two people with sessions of their own call through two processes,
 * of which one, or both, or a child is killed at times. Each call carries a word that must come back, each person's state
 * has a word of theirs in it, and no child is left over.
 */

import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { Effect, Fiber, Layer, Random, Redacted } from "effect"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { TestApp } from "../support/app.ts"
import { messageOf, rpc } from "../support/client.ts"
import { misbehavingHttp } from "../support/misbehavingHttp.ts"
import { entryOf, tokenOf } from "../support/mountedApp.ts"
import { MARK } from "../support/mounts.ts"
import { somebody } from "../support/people.ts"
import { marked } from "../support/processes.ts"
import { type Program, ready, run, start, temporaryFolder } from "../support/program.ts"
import { freePort, startPostgres } from "../support/realPostgres.ts"
import type { Chapter, Ordeal } from "./chapter.ts"
import { answerOf, called, MANNERS, type Manner, type Message, POISON } from "./liar.ts"

const CALLERS_EACH = 3
const MOUNTS = ["own", "shared", "far", "memory"] as const
type MountName = (typeof MOUNTS)[number]
/** How long it may take until everybody is served again, on a busy machine. */
const MENDED_WITHIN_MS = 90_000
const GONE_WITHIN_MS = 60_000

const below = (count: number) => Random.nextIntBetween(0, count - 1)

/** The same over HTTP: a memory for each of its sessions. */
const lyingHttp = Effect.gen(function* () {
  const memories = new Map<string, Array<string>>()
  return yield* misbehavingHttp((sent, response, request) => {
    // What the chapter sends has arguments of its own.
    const message = sent as Message
    const session = request.headers["mcp-session-id"]
    const { id, method, params } = message
    if (method === "tools/list") {
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: answerOf(message) }))
      return true
    }
    if (method !== "tools/call" || typeof session !== "string") return false
    const memory = memories.get(session) ?? []
    memories.set(session, memory)
    const result = called(message, memory)
    const json = (body: string) => response.writeHead(200, { "content-type": "application/json" }).end(body)
    const answer = () => json(JSON.stringify({ jsonrpc: "2.0", id, result }))
    const lie = (other: unknown) =>
      JSON.stringify({ jsonrpc: "2.0", id: other, result: { content: [{ type: "text", text: POISON }] } })
    const { manner, millis = 0 } = params?.arguments ?? {}
    const stream = (...messages: ReadonlyArray<string>) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.end(messages.map((message) => `data: ${message}\n\n`).join(""))
    }
    const right = JSON.stringify({ jsonrpc: "2.0", id, result })
    if (manner === "late") setTimeout(answer, millis)
    else if (manner === "twice") stream(right, lie(id))
    else if (manner === "liar") stream(lie(Number(id) + 1000), lie(null), lie(-1), right)
    else if (manner === "rubbish") json("{")
    else if (manner === "huge") stream("x".repeat(3_000_000), right)
    else if (manner === "torn") {
      response.writeHead(200, { "content-type": "application/json", "content-length": String(right.length) })
      response.write(right.slice(0, 20))
      response.destroy()
    } else if (manner === "dead") response.destroy()
    else if (manner !== "mute") answer()
    return true
  })
})

const workersOf = ({ process: { pid } }: Program): ReadonlyArray<number> => {
  try {
    return execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number)
  } catch {
    // It says by its exit code that there are none.
    return []
  }
}

/** Of what is there no more nothing is left to kill. */
const kill = (pid: number | undefined) => {
  try {
    if (pid !== undefined) process.kill(pid, "SIGKILL")
  } catch {
    return
  }
}

interface Person {
  readonly name: string
  readonly token: string
}

const tormentMounts = Effect.fnUntraced(function* (ordeal: Ordeal) {
  const { broken } = ordeal
  const postgres = yield* Effect.acquireRelease(
    Effect.promise(() => startPostgres()),
    ({ stop }) => Effect.promise(stop)
  )
  yield* run("app/programs/dbInit.ts", { DATABASE_URL: postgres.url })
  const folder = yield* temporaryFolder
  const mark = `torture-${randomBytes(6).toString("hex")}`
  const far = yield* lyingHttp
  const GATEHOUSE_FILE = join(folder, "gatehouse.json")
  const liar = (session: "person" | "shared") => ({
    command: process.execPath,
    args: [join(import.meta.dirname, "liar.ts")],
    env: { [MARK]: mark },
    timeout: "2 seconds",
    session
  })
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what people write
  const memory = { MEMORY_FILE_PATH: "${directory}/memory.json", [MARK]: mark }
  const mcpServers = {
    own: liar("person"),
    shared: liar("shared"),
    far: { url: far.url, session: "person", timeout: "2 seconds" },
    memory: entryOf("memory", [], { env: memory, session: "person", timeout: "10 seconds" })
  } satisfies Record<MountName, object>
  writeFileSync(GATEHOUSE_FILE, JSON.stringify({ mcpServers }))

  const port = yield* Effect.promise(freePort)
  const baseUrl = `http://localhost:${port}`
  const begin = start("main.ts", {
    DATABASE_URL: postgres.url,
    PORT: String(port),
    WORKERS: "2",
    DATABASE_POOL_SIZE: "5",
    GATEHOUSE_FILE,
    DATA_DIR: folder,
    RATE_LIMIT_ENABLED: "false",
    BUILT_IN_TOOLS: "calculator",
    AUTO_SEED_CLIENT_ID: "demo",
    AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1/callback",
    LOG_LEVEL: "error"
  })
  const figures = {
    calls: 0,
    "their word back": 0,
    refused: 0,
    unanswered: 0,
    "workers killed": 0,
    "servers killed": 0,
    "children killed": 0,
    rounds: 0
  }
  const app = { baseUrl, port } as TestApp["Service"]

  const call = Effect.fnUntraced(function* ({ token }: Person, mount: MountName, name: string, args: object) {
    figures.calls++
    // Each on a connection of its own, so that they come to both processes.
    const asking = rpc(token, "tools/call", { name: `${mount}__${name}`, arguments: args }, { connection: "close" })
    const answer = yield* Effect.catchDefect(asking, () => Effect.succeed(undefined))
    const result = answer === undefined ? undefined : messageOf(answer)?.result
    if (answer === undefined) figures.unanswered++
    else if (answer.status >= 500 && answer.status !== 503) broken("a mount's trouble is none of the server's", answer)
    if (result?.isError === true) figures.refused++
    if (answer?.text.includes(POISON)) broken("a lie is answered to nobody", { mount, name, args, text: answer.text })
    return result === undefined || result.isError === true ? undefined : result
  })
  const textOf = (result: { content?: ReadonlyArray<{ text?: string }> } | undefined) => result?.content?.[0]?.text

  /** One thing that somebody has a mount do; whether it was done. */
  const use = Effect.fnUntraced(function* (person: Person, mount: MountName, manner: Manner) {
    const nonce = `${person.name}:${randomBytes(8).toString("hex")}`
    if (mount === "memory") {
      const entity = { name: nonce, entityType: "word", observations: [] }
      const made = yield* call(person, mount, "create_entities", { entities: [entity] })
      if (made !== undefined && !JSON.stringify(made).includes(nonce))
        broken("an answer is of its call", { made, nonce })
      const graph = yield* call(person, mount, "read_graph", {})
      if (graph === undefined) return false
      const names: ReadonlyArray<string> = graph.structuredContent.entities.map(({ name }: { name: string }) => name)
      const foreign = names.filter((name) => !name.startsWith(`${person.name}:`))
      if (foreign.length > 0) broken("nobody's state is with another", { person: person.name, foreign })
      return made !== undefined
    }
    const name = (yield* below(3)) === 0 ? "remember" : "echo"
    const answer = textOf(yield* call(person, mount, name, { nonce, manner, millis: yield* below(3000) }))
    if (answer !== undefined && answer !== nonce) broken("an answer is of its call", { mount, manner, nonce, answer })
    if (answer === nonce) figures["their word back"]++
    if (mount !== "shared" && (yield* below(3)) === 0) {
      const recalled: ReadonlyArray<string> = JSON.parse(textOf(yield* call(person, mount, "recall", {})) ?? "[]")
      const foreign = recalled.filter((word) => !word.startsWith(`${person.name}:`))
      if (foreign.length > 0) broken("nobody's state is with another", { mount, person: person.name, foreign })
    }
    return answer === nonce
  })

  /** Until nobody of these is there. */
  const gone = Effect.fnUntraced(function* (what: string, left: () => ReadonlyArray<number>) {
    const began = performance.now()
    while (left().length > 0) {
      if (performance.now() - began > GONE_WITHIN_MS) return broken(`no ${what} is left over`, left())
      yield* Effect.sleep("50 millis")
    }
  })
  const alive = (pids: ReadonlyArray<number>) => () =>
    pids.filter((pid) => {
      try {
        return process.kill(pid, 0)
      } catch {
        return false
      }
    })

  // People and their tokens, straight from the stores that the server has.
  const stores = Stores.pipe(
    Layer.provideMerge(Layer.orDie(PgClient.layer({ url: Redacted.make(postgres.url), maxConnections: 2 }))),
    Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none", BASE_URL: baseUrl }))
  )
  const scopes = ["mcp.tools.call", ...MOUNTS.map((mount) => `mcp.${mount}`)]
  const people: Array<Person> = []
  let isStopped = false

  const round = Effect.scoped(
    Effect.gen(function* () {
      figures.rounds++
      const program = yield* begin
      yield* ready(baseUrl, program)
      if (people.length === 0) {
        people.push(
          ...(yield* Effect.gen(function* () {
            const all = yield* Effect.forEach(["ada", "bob"], (name) => somebody(name))
            return yield* Effect.forEach(all, ({ id, name }) =>
              Effect.map(tokenOf(id, scopes), (token) => ({ name, token }))
            )
          }).pipe(Effect.provide(stores)))
        )
      }
      // Everybody is served by every mount again, whatever came before.
      const mended = Effect.fnUntraced(function* (after: string) {
        const began = performance.now()
        for (const person of people) {
          for (const mount of MOUNTS) {
            while (!(yield* use(person, mount, "right"))) {
              if (performance.now() - began > MENDED_WITHIN_MS) {
                return broken(`everybody is served again after ${after}`, [
                  person.name,
                  mount,
                  program.output().slice(-1500)
                ])
              }
              yield* Effect.sleep("100 millis")
            }
          }
        }
      })
      yield* mended("a start")
      isStopped = false
      const caller = Effect.fnUntraced(function* (person: Person) {
        while (!isStopped) {
          const mount = MOUNTS[yield* below(MOUNTS.length)] ?? "own"
          const manner = MANNERS[yield* below(MANNERS.length)] ?? "right"
          yield* use(person, mount, (yield* below(3)) === 0 ? manner : "right")
        }
      })
      const callers = yield* Effect.forkScoped(
        Effect.all(
          people.flatMap((person) => Array.from({ length: CALLERS_EACH }, () => caller(person))),
          { concurrency: "unbounded", discard: true }
        )
      )
      for (let harms = yield* Random.nextIntBetween(3, 8); harms > 0 && !ordeal.isOver(); harms--) {
        const until = figures.calls + 20 + (yield* below(60))
        while (figures.calls < until) yield* Effect.sleep("10 millis")
        const workers = workersOf(program)
        const children = marked(MARK, mark)
        if (yield* Random.nextBoolean) {
          kill(workers[yield* below(Math.max(1, workers.length))])
          figures["workers killed"]++
        } else {
          kill(children[yield* below(Math.max(1, children.length))])
          figures["children killed"]++
        }
      }
      isStopped = true
      yield* Fiber.join(callers)
      yield* mended("a worker's or a child's death")
      const workers = workersOf(program)
      if (yield* Random.nextBoolean) {
        kill(program.process.pid)
        figures["servers killed"]++
        yield* program.exited
      } else {
        program.process.kill("SIGTERM")
        const code = yield* program.exited
        if (code !== 0) broken("a server that is told to ends with 0", [code, program.output().slice(-1500)])
      }
      yield* gone("worker", alive(workers))
      yield* gone("child", () => marked(MARK, mark))
      // What was being said to a worker that was killed is Effect's to tell of, in these words.
      if (/unhandled(?! error in SocketServer)|uncaught|ended in a defect/i.test(program.output()))
        broken("nothing is left unhandled", program.output())
    })
  )
  yield* Effect.gen(function* () {
    while (!ordeal.isOver()) yield* round
  }).pipe(Effect.provideService(TestApp, app))
  return figures
})

export const mounts: Chapter = { name: "mounts", share: 3, run: tormentMounts }
