import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { UpstreamRefused } from "../../../src/gateway/failures.ts"
import { MountsInUse } from "../../../src/gateway/MountsInUse.ts"
import type { Mount } from "../../../src/gateway/mount.ts"
import { Upstreams } from "../../../src/gateway/upstream/Upstreams.ts"
import { Routed } from "../../../src/gateway/workers/routed.ts"
import { workerOf } from "../../../src/gateway/workers/routing.ts"
import { mountOf } from "../../support/mounts.ts"

const whose = (subject: string, chat?: string) => ({ subject, grant: "grant", chat })
const PEOPLE = Array.from({ length: 20 }, (_, index) => `person ${index}`)

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "workers-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** A worker that answers who it is, or does what the method says. */
const worker = Effect.fnUntraced(function* (
  sockets: string,
  number: number,
  mounts: ReadonlyArray<Mount>,
  ended: Deferred.Deferred<number>
) {
  const restarted: Array<string> = []
  const local = Upstreams.of({
    request: (_mount, { subject, chat }, method, params, options) => {
      if (method === "refuse") return Effect.fail(new UpstreamRefused({ code: -1, message: "No." }))
      if (method === "hang") return Effect.onInterrupt(Effect.never, () => Deferred.succeed(ended, number))
      options?.onProgress?.(1, 2, "half")
      return Effect.succeed({ worker: number, subject, chat, params })
    },
    discover: () => Effect.fail(new UpstreamRefused({ code: -2, message: `of ${number}` })),
    changes: Stream.empty,
    here: () => ({ isDown: false, children: 0 }),
    status: Effect.succeed([
      { mount: "things", subject: "ada", key: String(number), state: "up" as const, since: 1, lastUsed: 2, calls: 3 }
    ]),
    stderr: () => Effect.succeed([`line of ${number}`]),
    restart: (mount) =>
      Effect.sync(() => {
        restarted.push(mount)
      })
  })
  const config = ServerConfig.layerOf({
    WORKERS: "2",
    WORKER: String(number),
    WORKER_SOCKETS: sockets,
    DATABASE_URL: "postgresql://localhost/none"
  })
  const context = yield* Layer.build(
    Routed.pipe(
      Layer.provide([
        Layer.succeed(Upstreams, local),
        Layer.succeed(MountsInUse, { current: () => mounts, changes: Stream.empty }),
        config
      ])
    )
  )
  return { upstreams: yield* Effect.provideContext(Upstreams, context), restarted }
})

const pair = Effect.gen(function* () {
  const mount = mountOf({ session: "person" })
  const sockets = yield* folder
  const ended = yield* Deferred.make<number>()
  const first = yield* worker(sockets, 1, [mount], ended)
  const second = yield* worker(sockets, 2, [mount], ended)
  return { mount, first, second, ended }
})

it.live("whichever process a request comes to, a key's session lives in one", () =>
  Effect.gen(function* () {
    const { mount, first, second } = yield* pair
    const homes = new Set<unknown>()
    for (const subject of PEOPLE) {
      for (const { upstreams } of [first, second]) {
        const answer = yield* upstreams.request(mount, whose(subject), "ask", { a: [1] })
        assert.deepStrictEqual(answer.params, { a: [1] })
        assert.strictEqual(answer.subject, subject)
        assert.strictEqual(answer.worker, workerOf(mount, whose(subject), 2))
        homes.add(answer.worker)
      }
    }
    assert.strictEqual(homes.size, 2)
  }).pipe(Effect.scoped)
)

it.live("progress, failures and the end of a caller cross over", () =>
  Effect.gen(function* () {
    const { mount, first, second, ended } = yield* pair
    const subject = PEOPLE.find((subject) => workerOf(mount, whose(subject), 2) === 2) ?? ""
    const heard: Array<unknown> = []
    yield* first.upstreams.request(mount, whose(subject), "ask", {}, { onProgress: (...said) => heard.push(said) })
    assert.deepStrictEqual(heard, [[1, 2, "half"]])

    const refused = yield* Effect.flip(first.upstreams.request(mount, whose(subject), "refuse", {}))
    assert.deepStrictEqual([refused._tag, refused.message], ["UpstreamRefused", "No."])
    assert.strictEqual((yield* Effect.flip(first.upstreams.discover(mount, whose(subject)))).message, "of 2")

    const hanging = yield* Effect.forkChild(first.upstreams.request(mount, whose(subject), "hang", {}))
    yield* Effect.yieldNow
    // Asked after it, so it is under way there.
    yield* first.upstreams.request(mount, whose(subject), "ask", {})
    yield* Fiber.interrupt(hanging)
    assert.strictEqual(yield* Deferred.await(ended), 2)

    const status = yield* second.upstreams.status
    assert.deepStrictEqual(status.map(({ key, subject }) => `${subject} ${key}`).sort(), ["ada 1", "ada 2"])
    assert.deepStrictEqual([...(yield* first.upstreams.stderr("things"))].sort(), ["line of 1", "line of 2"])
    yield* first.upstreams.restart("things")
    assert.deepStrictEqual([first.restarted, second.restarted], [["things"], ["things"]])
  }).pipe(Effect.scoped)
)

it.live("a process that means another thing by a mount's name is not asked", () =>
  Effect.gen(function* () {
    const { mount, first } = yield* pair
    const subject = PEOPLE.find((subject) => workerOf(mount, whose(subject), 2) === 2) ?? ""
    const changed = { ...mount, fingerprint: "2" }
    const error = yield* Effect.flip(first.upstreams.request(changed, whose(subject), "ask", {}))
    assert.strictEqual(error.message, "This server is being changed. Try again in a few seconds.")
  }).pipe(Effect.scoped)
)
