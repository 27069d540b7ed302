import { connect } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { makeAdmission } from "../../src/web/admission.ts"
import { listener } from "../../src/web/listener.ts"
import { freePort } from "../support/app.ts"
import { capturedLogs } from "../support/logs.ts"

const MOST_MS = 100

/** A loop of our own: a turn lasts as long as what began in it takes, and nobody else's clock is read. */
const door = (costMs: number) => {
  let time = 1000
  let queueMs = 0
  let turns: Array<() => void> = []
  let timers: Array<{ readonly at: number; readonly then: () => void }> = []
  const told: Array<string> = []
  const events: Array<string> = []
  const { ask, accepted, counts } = makeAdmission({
    mostMs: MOST_MS,
    queueMs: () => queueMs,
    onBegin: () => told.push("begins"),
    onEnd: ({ refused, admitted }) => told.push(`ends after ${refused} of ${Number(refused) + Number(admitted)}`),
    now: () => time,
    nextTurn: (then) => turns.push(then),
    later: (then, milliseconds) => timers.push({ at: time + milliseconds, then })
  })
  return {
    counts,
    told,
    events,
    accepted,
    ask: (name: string, path = "/mcp", isGone = () => false) =>
      ask(path, {
        begin: () => {
          events.push(name)
          time += costMs
        },
        refuse: () => events.push(`${name} refused`),
        isGone
      }),
    queue: (milliseconds: number) => {
      queueMs = milliseconds
    },
    /** The loop comes round once. */
    turn: () => {
      const now = turns
      turns = []
      for (const then of now) then()
    },
    isAtRest: () => turns.length === 0,
    wait: (milliseconds: number) => {
      time += milliseconds
      const due = timers.filter(({ at }) => at <= time)
      timers = timers.filter(({ at }) => at > time)
      for (const { then } of due) then()
    }
  }
}

/** As many as begin in one turn when each takes two thirds of it, once that is known. */
const learnt = () => {
  const it = door(2)
  for (let n = 0; n < 40; n++) {
    it.ask("earlier")
    it.turn()
  }
  it.events.length = 0
  return it
}

/** The collector, which the flag gives to contexts that are made after it. */
const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
}

describe("admission", () => {
  it.effect("keeps nothing of a request that has begun, while others go on waiting behind it", () =>
    Effect.gen(function* () {
      const it = learnt()
      const begun: Array<WeakRef<object>> = []
      const ask = () => {
        const body = {}
        begun.push(new WeakRef(body))
        it.ask("call", "/mcp", () => body === undefined)
      }
      for (let n = 0; n < 10; n++) ask()
      for (let n = 0; n < 100; n++) {
        it.turn()
        ask()
      }
      // What a job has looked at lives until it is over.
      yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      collectGarbage()
      const waiting = begun.length - it.events.length
      assert.isAtLeast(waiting, 1)
      assert.lengthOf(
        begun.filter((each) => each.deref() !== undefined),
        waiting
      )
    })
  )

  it("lets everybody in at once while there is time, and the loop rests when nobody asks", () => {
    const it = door(0.01)
    for (let n = 0; n < 10; n++) it.ask(`call ${n}`)
    assert.lengthOf(it.events, 10)
    it.turn()
    it.turn()
    assert.isTrue(it.isAtRest())
    assert.deepStrictEqual(it.counts, { admitted: 10, refused: 0 })
    assert.deepStrictEqual(it.told, [])
  })

  it("begins in a turn what the last ones show that it has time for, and the rest in the order in which it came", () => {
    const it = learnt()
    for (let n = 0; n < 4; n++) it.ask(`call ${n}`)
    assert.deepStrictEqual(it.events, ["call 0"])
    it.turn()
    assert.deepStrictEqual(it.events, ["call 0", "call 1"])
    for (let n = 0; n < 3; n++) it.turn()
    assert.deepStrictEqual(it.events, ["call 0", "call 1", "call 2", "call 3"])
  })

  it("turns away whoever has waited for so long, no sooner, and lets in again at once when it is over", () => {
    const it = learnt()
    for (let n = 0; n < 300; n++) it.ask("call")
    const begun = () => it.events.filter((event) => event === "call").length
    while (begun() < 40) it.turn()
    assert.strictEqual(it.counts.refused, 0)
    assert.deepStrictEqual(it.told, [])
    for (let n = 0; n < 400 && it.events.length < 300; n++) it.turn()
    assert.lengthOf(it.events, 300)
    assert.strictEqual(it.counts.refused, 300 - begun())
    // Half a hundred in time, and the few that are no crowd any more.
    assert.closeTo(begun(), 50 + 64, 5)
    assert.deepStrictEqual(it.told, ["begins"])
    it.turn()
    it.turn()
    it.ask("after")
    assert.strictEqual(it.events.at(-1), "after")
    it.wait(1000)
    it.wait(1000)
    assert.match(it.told.at(-1) ?? "", /^ends after 1\d\d of \d+$/)
    assert.lengthOf(it.told, 2)
  })

  it("turns nobody away because everybody was held up for once", () => {
    const it = learnt()
    for (let n = 0; n < 90; n++) it.ask("call")
    it.turn()
    it.wait(10 * MOST_MS)
    for (let n = 0; n < 90; n++) it.turn()
    assert.isBelow(it.counts.refused, 10)
    assert.strictEqual(it.events.length, 90)
  })

  it("probes never wait, and those who hung up take nobody's turn", () => {
    const it = learnt()
    it.ask("first")
    it.ask("gone", "/mcp", () => true)
    it.ask("second")
    it.ask("probe", "/readyz")
    assert.deepStrictEqual(it.events, ["first", "probe"])
    it.turn()
    assert.deepStrictEqual(it.events, ["first", "probe", "second"])
  })

  it("what goes on comes before what begins, which is not kept out for good", () => {
    const it = learnt()
    for (let n = 0; n < 9; n++) {
      it.ask("page", "/authorize")
      it.ask("page", "/login")
      it.ask("call")
      it.ask("grant", "/token")
    }
    for (let n = 0; n < 18; n++) it.turn()
    const first = it.events.slice(0, 18)
    assert.isAtMost(first.filter((event) => event === "page").length, 4)
    assert.isAtLeast(first.filter((event) => event === "page").length, 2)
    for (const name of ["call", "grant"]) assert.isAtLeast(first.filter((event) => event === name).length, 6)
  })

  it("a page waits when the database has half of what is allowed to do, a grant when it has all of it, a call never", () => {
    const it = door(0.01)
    it.queue(MOST_MS * 0.75)
    it.ask("page", "/login")
    it.ask("grant", "/token")
    it.ask("call")
    assert.deepStrictEqual(it.events, ["grant", "call"])
    it.queue(MOST_MS * 1.5)
    it.ask("grant 2", "/token")
    it.ask("call 2")
    it.turn()
    it.turn()
    assert.deepStrictEqual(it.events.slice(2), ["call 2"])
    // Nothing to be begun is no reason to keep the loop awake.
    assert.isTrue(it.isAtRest())
    it.queue(0)
    it.wait(5)
    it.turn()
    assert.sameMembers(it.events.slice(3), ["page", "grant 2"])
    it.queue(MOST_MS * 1.5)
    it.ask("grant 3", "/token")
    for (let n = 0; n < 8 * 40; n++) {
      it.turn()
      it.wait(5)
    }
    assert.strictEqual(it.events.at(-1), "grant 3 refused")
  })

  it("while connections come in, some turns are for them alone", () => {
    const it = learnt()
    for (let n = 0; n < 3; n++) it.ask("call")
    it.accepted()
    it.turn()
    const before = it.events.length
    it.accepted()
    it.turn()
    it.accepted()
    it.turn()
    assert.lengthOf(it.events, before)
    it.wait(3)
    it.accepted()
    it.turn()
    assert.isAbove(it.events.length, before)
  })
})

/** Asks on a connection of its own, and answers all that came back until it was closed. */
const asked = (port: number, path: string, headers: ReadonlyArray<string> = []) => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  const opened = new Promise<void>((resolve) => socket.once("connect", () => resolve()))
  let received = ""
  const answer = new Promise<string>((resolve) => {
    socket.on("data", (chunk) => {
      received += chunk
    })
    socket.once("close", () => resolve(received))
  })
  return {
    opened,
    send: () => socket.write([`GET ${path} HTTP/1.1`, "host: x", "connection: close", ...headers, "", ""].join("\r\n")),
    answer
  }
}

describe("a server with more to do than it can", () => {
  it.live(
    "answers 503 with Retry-After to whoever waited too long, probes at once, and all others when it is over",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const { lines } = yield* capturedLogs
        const settings = ServerConfig.layerOf({
          PORT: String(port),
          MAX_DELAY_MS: "20",
          LOG_LEVEL: "info",
          LOG_FORMAT: "json"
        })
        // The loop of this test is the server's, so what holds it holds all of it, for longer than anybody may wait.
        const hold = Effect.sync(() => {
          const until = performance.now() + 30
          while (performance.now() < until);
          return HttpServerResponse.text("held")
        })
        const routes = HttpRouter.use((router) =>
          Effect.all([router.add("GET", "/mcp", hold), router.add("GET", "/readyz", HttpServerResponse.text("ready"))])
        )
        yield* Layer.build(listener(routes).pipe(Layer.provide(Logging), Layer.provide(settings)))
        const all = (visits: ReadonlyArray<ReturnType<typeof asked>>) =>
          Effect.promise(async () => {
            await Promise.all(visits.map(({ opened }) => opened))
            for (const { send } of visits) send()
            return Promise.all(visits.map(({ answer }) => answer))
          })
        // Until one was, nobody knows how long it takes.
        assert.match((yield* all([asked(port, "/mcp")])).join(), /held$/)
        const calls = Array.from({ length: 100 }, (_, n) =>
          asked(port, "/mcp", n % 2 === 0 ? ["accept: text/html"] : [])
        )
        const answers = yield* all([...calls, asked(port, "/readyz")])
        assert.match(answers.pop() ?? "", /^HTTP\/1.1 200 /)
        const refused = answers.filter((answer) => answer.startsWith("HTTP/1.1 503 "))
        assert.isAbove(refused.length, 0)
        assert.lengthOf(
          answers.filter((answer) => answer.endsWith("held")),
          100 - refused.length
        )
        for (const [n, answer] of answers.entries()) {
          if (!refused.includes(answer)) continue
          assert.match(answer, /\r\nretry-after: [1-5]\r\n/)
          assert.match(answer, /\r\ncache-control: no-store\r\n/)
          assert.match(answer, n % 2 === 0 ? /text\/plain/ : /application\/json/)
          assert.match(answer, n % 2 === 0 ? /The server is busy/ : /"error":"temporarily_unavailable"/)
        }
        assert.isAbove(new Set(refused.map((answer) => /retry-after: (\d)/.exec(answer)?.[1])).size, 1)
        assert.match((yield* all([asked(port, "/mcp")])).join(), /held$/)
        assert.lengthOf(
          lines.filter(({ message }) => String(message).includes("more is asked")),
          1
        )
      }).pipe(Effect.scoped)
  )
})
