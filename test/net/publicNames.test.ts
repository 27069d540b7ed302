import { pbkdf2 } from "node:crypto"
import { createSocket, type Socket } from "node:dgram"
import { lookup } from "node:dns"
import { readdirSync, readFile, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { makeResolve, type Resolve } from "../../src/net/publicNames.ts"

const A = 1
const AAAA = 28

/** A name server; `answer` gives the data of the records for a question, or nothing to keep silent. */
const nameServer = (answer: (name: string, type: number) => ReadonlyArray<ReadonlyArray<number>> | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly at: string; readonly socket: Socket; readonly asked: Array<string> }>((resume) => {
      const socket = createSocket("udp4")
      const asked: Array<string> = []
      socket.on("message", (question, from) => {
        const labels: Array<string> = []
        let at = 12
        for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
          labels.push(question.subarray(at + 1, at + 1 + length).toString())
          at += 1 + length
        }
        const type = question.readUInt16BE(at + 1)
        asked.push(`${labels.join(".")} ${type}`)
        const records = answer(labels.join("."), type)
        if (records === undefined) return
        const header = Buffer.from(question.subarray(0, 12))
        header.writeUInt16BE(0x8180, 2)
        header.writeUInt16BE(records.length, 6)
        header.writeUInt16BE(0, 10)
        const data = records.map((bytes) =>
          Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length, ...bytes])
        )
        socket.send(Buffer.concat([header, question.subarray(12, at + 5), ...data]), from.port, from.address)
      })
      socket.bind(0, "127.0.0.1", () =>
        resume(Effect.succeed({ at: `127.0.0.1:${socket.address().port}`, socket, asked }))
      )
    }),
    ({ socket }) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
  )

const resolved = (resolve: Resolve, host: string) =>
  Effect.callback<ReadonlyArray<string>, Error>((resume) =>
    resolve(host, (error, addresses) =>
      resume(error === null ? Effect.succeed((addresses ?? []).map(({ address }) => address)) : Effect.fail(error))
    )
  )

/** What needs a thread of the pool: a file, a hash, the system's own look-up. */
const threads = Effect.all(
  [
    Effect.callback<void>((resume) => readFile(import.meta.filename, () => resume(Effect.void))),
    Effect.callback<void>((resume) => pbkdf2("a", "b", 1, 32, "sha256", () => resume(Effect.void))),
    Effect.callback<void>((resume) => lookup("localhost", () => resume(Effect.void)))
  ],
  { concurrency: "unbounded" }
)

describe("names that strangers chose", () => {
  it.live("B5 have the addresses of both families, or of the one that there is", () =>
    Effect.gen(function* () {
      const v6 = [0x26, 6, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
      const server = yield* nameServer((name, type) => {
        if (name === "both.example") return type === A ? [[192, 0, 2, 1]] : [v6]
        if (name === "four.example")
          return type === A
            ? [
                [192, 0, 2, 1],
                [192, 0, 2, 2]
              ]
            : []
        return name === "six.example" && type === AAAA ? [v6] : []
      })
      const resolve = makeResolve([server.at])
      assert.sameMembers([...(yield* resolved(resolve, "both.example"))], ["192.0.2.1", "2606:4700::1"])
      assert.sameMembers([...(yield* resolved(resolve, "four.example"))], ["192.0.2.1", "192.0.2.2"])
      assert.deepStrictEqual(yield* resolved(resolve, "six.example"), ["2606:4700::1"])
      assert.match((yield* Effect.flip(resolved(resolve, "none.example"))).message, /ENODATA|no address/)
    }).pipe(Effect.scoped)
  )

  it.live(
    "B5 forty that nobody answers hold no thread, end by themselves, and are asked for once however many ask",
    () =>
      Effect.gen(function* () {
        const server = yield* nameServer(() => undefined)
        const resolve = makeResolve([server.at])
        const ended: Array<string> = []
        const asking = yield* Effect.forEach(
          Array.from({ length: 120 }, (_, index) => `n${index % 40}.example`),
          (host) =>
            Effect.flip(resolved(resolve, host)).pipe(
              Effect.tap(({ message }) => Effect.sync(() => ended.push(message)))
            ),
          { concurrency: "unbounded" }
        ).pipe(Effect.forkChild({ startImmediately: true }))
        yield* threads
        assert.deepStrictEqual(ended, [])
        yield* Fiber.join(asking)
        assert.lengthOf(ended, 120)
        for (const message of ended) assert.match(message, /ETIMEOUT|ECANCELLED|ETIMEDOUT/)
        // Two kinds of address, two tries each.
        for (const type of [A, AAAA]) {
          assert.isAtMost(server.asked.filter((question) => question === `n0.example ${type}`).length, 2)
        }
      }).pipe(Effect.scoped),
    { timeout: 30_000 }
  )

  it.live("B5 are refused when too many are being looked up already, and only until then", () =>
    Effect.gen(function* () {
      const server = yield* nameServer((name) => (name === "last.example" ? [] : undefined))
      const resolve = makeResolve([server.at])
      const asking = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => `n${index}.example`),
        (host) => Effect.flip(resolved(resolve, host)),
        { concurrency: "unbounded" }
      ).pipe(Effect.forkChild({ startImmediately: true }))
      assert.match((yield* Effect.flip(resolved(resolve, "last.example"))).message, /too many/)
      yield* Fiber.join(asking)
      assert.notMatch((yield* Effect.flip(resolved(resolve, "last.example"))).message, /too many/)
    }).pipe(Effect.scoped)
  )

  it("B5 nothing on the way to the public web uses the system's own look-up", () => {
    const folder = join(import.meta.dirname, "../../src/net")
    const importing = readdirSync(folder).filter((file) =>
      /from "node:dns(\/promises)?"/.test(readFileSync(join(folder, file), "utf8"))
    )
    assert.deepStrictEqual(importing, ["publicNames.ts"])
    assert.notMatch(readFileSync(join(folder, "publicNames.ts"), "utf8"), /\blookup\b(?!`)[^\n]*node:dns/)
    assert.match(readFileSync(join(folder, "PublicWeb.ts"), "utf8"), /resolve: makeResolve\(\)/)
  })
})
