/**
 * The server with the embedded database, killed at any moment: at work, while it starts, while it ends, and while it makes
 * its database. Clients refresh, call and revoke all the while, and keep an account of what they were told.
 */

import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Effect, Fiber, Random } from "effect"
import { openPGlite } from "../../src/database/embedded.ts"
import { freePort, TestApp } from "../support/app.ts"
import {
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  refresh,
  revoke,
  rpc
} from "../support/client.ts"
import { type Program, ready, start, temporaryFolder } from "../support/program.ts"
import type { Chapter, Ordeal } from "./chapter.ts"
import { INVARIANTS } from "./invariants.ts"
import { type Patience, patience } from "./patience.ts"

const CLIENTS = 4

interface Pair {
  readonly access_token: string
  readonly refresh_token: string
}

/** What clients were told, and is to be so for good. */
interface Account {
  readonly ended: Array<Pair>
  acknowledged: number
}

const below = (count: number) => Random.nextIntBetween(0, count - 1)

/** One link of a client from its consent to its end, in which every answer is held to all those before. */
const life = Effect.fnUntraced(function* ({ ask }: Patience, { broken }: Ordeal, account: Account) {
  const granted = Effect.fnUntraced(function* (what: string, asking: ReturnType<typeof refresh>) {
    const answer = yield* ask(asking)
    if (answer.status === 200) {
      account.acknowledged++
      return answer.body as Pair
    }
    broken(`${what}: an honest client is refused`, [answer.tries, answer.text])
    return undefined
  })
  const stands = (what: string, access: string, status: 200 | 401) =>
    Effect.map(ask(rpc(access, "tools/list")), (answer) => {
      if (answer.status !== status) broken(what, `${answer.status} ${answer.text}`)
    })

  const { verifier, challenge } = newPkce()
  const form = formOf(yield* ask(getAuthorize(authorizeParameters(challenge))))
  const decided = yield* ask(decide(form, "approve"))
  const code = locationOf(decided).searchParams.get("code")
  if (code === null) return broken("who consents gets a code", `${decided.status} ${decided.text}`)
  let pair = yield* granted("a code", exchange({ code, verifier }))
  const accesses: Array<string> = []
  for (let steps = yield* below(20); steps > 0 && pair !== undefined; steps--) {
    accesses.push(pair.access_token)
    const one = accesses[yield* below(accesses.length)] ?? ""
    yield* stands("what was granted is good until it ends", one, 200)
    pair = yield* granted("a refresh", refresh(pair.refresh_token))
    const other = account.ended[yield* below(Math.max(1, account.ended.length))]
    if (other !== undefined) yield* stands("what was revoked stays so", other.access_token, 401)
  }
  if (pair === undefined) return
  const { status } = yield* ask(revoke(pair.refresh_token))
  if (status !== 200) return broken("who revokes is obeyed", status)
  account.acknowledged++
  account.ended.push(pair)
  yield* stands("what was revoked is refused", pair.access_token, 401)
  const again = yield* ask(refresh(pair.refresh_token))
  if (again.body?.error !== "invalid_grant") broken("a revoked session does not go on", again.text)
})

/** The files as they were left, opened by somebody else: what the server itself makes of them is tried by starting it. */
const examine = Effect.fnUntraced(function* ({ broken }: Ordeal, dataDir: string) {
  const copy = join(dataDir, "copy")
  cpSync(join(dataDir, "postgres"), copy, { recursive: true })
  yield* Effect.promise(async () => {
    const db = await openPGlite(copy)
    for (const [invariant, query] of Object.entries(INVARIANTS)) {
      const { rows } = await db.query(query)
      if (rows.length > 0) broken(invariant, rows)
    }
    await db.close()
  })
  rmSync(copy, { recursive: true, force: true })
})

const killed = (program: Program) =>
  Effect.andThen(
    Effect.sync(() => program.process.kill("SIGKILL")),
    program.exited
  )

/** Kills at random until it is over; every start after one has to succeed by itself. */
export const torment = Effect.fnUntraced(function* (ordeal: Ordeal) {
  const dataDir = yield* temporaryFolder
  const port = yield* freePort
  const baseUrl = `http://localhost:${port}`
  const environment = {
    PORT: String(port),
    DATA_DIR: dataDir,
    REFRESH_REUSE_GRACE_SECONDS: "600",
    RATE_LIMIT_ENABLED: "false",
    LOG_LEVEL: "warn"
  }
  const begin = Effect.tap(start("main.ts", environment), (program) =>
    Effect.sync(() => {
      server = program
    })
  )
  const kills = { "at work": 0, "at the start": 0, "at the end": 0, "at the first start": 0 }
  const account: Account = { ended: [], acknowledged: 0 }
  const patient = patience()
  let isStopped = false
  let server: Program | undefined
  let copies = 0

  // What the server had to say itself, beside what was broken.
  const telling: Ordeal = {
    ...ordeal,
    broken: (promise, evidence) => ordeal.broken(promise, [evidence, { ...kills }, server?.output().slice(-2000)])
  }
  const client = Effect.gen(function* () {
    while (!isStopped) yield* life(patient, telling, account)
  }).pipe(Effect.provideService(TestApp, { baseUrl, port } as TestApp["Service"]))
  const clients = yield* Effect.forkScoped(
    Effect.all(
      Array.from({ length: CLIENTS }, () => client),
      { concurrency: "unbounded" }
    )
  )

  // The database itself is cut off while it is made, and is then whole.
  for (let round = 0; round < 2; round++) {
    const first = yield* begin
    yield* Effect.sleep(yield* Random.nextBetween(100, 1500))
    yield* killed(first)
    kills["at the first start"]++
  }
  while (!ordeal.isOver()) {
    yield* Effect.gen(function* () {
      const program = yield* begin
      const how = yield* below(10)
      if (how === 0) {
        yield* Effect.sleep(yield* Random.nextBetween(0, 2500))
        kills["at the start"]++
        return yield* killed(program)
      }
      yield* ready(baseUrl, program)
      // In the midst of what clients ask, however fast the machine is.
      const until = patient.figures.answers + (yield* below(40))
      while (patient.figures.answers < until) yield* Effect.sleep("5 millis")
      yield* Effect.sleep(yield* Random.nextBetween(0, 20))
      if (how === 1) {
        program.process.kill("SIGTERM")
        yield* Effect.sleep(yield* Random.nextBetween(0, 400))
      }
      yield* killed(program)
      kills[how === 1 ? "at the end" : "at work"]++
    }).pipe(Effect.scoped)
    if ((yield* below(4)) === 0) {
      yield* examine(ordeal, dataDir)
      copies++
    }
  }
  yield* Effect.scoped(
    Effect.gen(function* () {
      const program = yield* begin
      yield* ready(baseUrl, program)
      isStopped = true
      yield* Fiber.await(clients)
      program.process.kill("SIGTERM")
      yield* program.exited
      if (/unhandled|uncaught/i.test(program.output())) ordeal.broken("nothing is left unhandled", program.output())
    })
  )
  yield* examine(ordeal, dataDir)
  const total = Object.values(kills).reduce((sum, count) => sum + count)
  return {
    kills: total,
    ...kills,
    ...patient.figures,
    "acknowledged writes": account.acknowledged,
    "links ended": account.ended.length,
    "files examined": copies + 1
  }
})

export const embedded: Chapter = { name: "embedded", share: 3, run: torment }
