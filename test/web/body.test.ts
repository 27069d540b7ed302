import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { refresh, request, rowCounts } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

/** Sends the pieces in turns of their own, after an answer to one that asks for it, and returns all that came back. */
const sendAnd = Effect.fn("sendAnd")(function* (last: "wait" | "break off", pieces: ReadonlyArray<string>) {
  const { port } = yield* TestApp
  return yield* Effect.callback<string>((resume) => {
    let received = ""
    const left = [...pieces]
    const next = () => {
      const piece = left.shift()
      if (piece === undefined) {
        if (last === "break off") socket.end()
      } else if (piece.includes("Expect:")) {
        socket.write(piece)
        socket.once("data", next)
      } else {
        socket.write(piece, () => setImmediate(next))
      }
    }
    const socket = connect({ port, host: "localhost", noDelay: true }, next)
    socket.on("data", (chunk) => {
      received += chunk.toString()
    })
    socket.on("error", () => resume(Effect.succeed(received)))
    socket.on("close", () => resume(Effect.succeed(received)))
  })
})

const send = (...pieces: ReadonlyArray<string>) => sendAnd("wait", pieces)

const head = (...lines: ReadonlyArray<string>) =>
  [
    "POST /token HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/x-www-form-urlencoded",
    ...lines,
    "Connection: close",
    "",
    ""
  ].join("\r\n")
const body = "grant_type=refresh_token&client_id=demo&refresh_token=mcp_rt_junk"
const length = `Content-Length: ${body.length}`

layer(testApp(TestDatabase.quick), { excludeTestServices: true, timeout: "60 seconds" })("a posted body", (it) => {
  it.effect("is whole, in however many pieces it comes", () =>
    Effect.gen(function* () {
      assert.include(yield* send(head(length), ...(body.match(/.{1,13}/g) ?? [])), '"error":"invalid_grant"')
    })
  )

  it.effect("is asked for when the client waits to be asked", () =>
    Effect.gen(function* () {
      const answer = yield* send(head(length, "Expect: 100-continue"), body)
      assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n/)
      assert.include(answer, '"error":"invalid_grant"')
    })
  )

  it.effect("is not asked for when it is too large, and no more of it is read than is allowed", () =>
    Effect.gen(function* () {
      assert.match(yield* send(head("Content-Length: 1000000", "Expect: 100-continue")), /^HTTP\/1\.1 413 /)
      const piece = `4000\r\n${"a".repeat(0x4000)}\r\n`
      const answer = yield* send(head("Transfer-Encoding: chunked"), piece, piece, piece, piece, piece, piece)
      assert.match(answer, /^HTTP\/1\.1 413 /)
    })
  )

  it.effect("B2 is read whatever protocol the client offers beside it", () =>
    Effect.gen(function* () {
      for (const offer of [
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
        [
          "Connection: Upgrade",
          "Upgrade: websocket",
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
        ],
        ["Upgrade: h2c"]
      ]) {
        const answer = yield* send(head(length, ...offer), ...(body.match(/.{1,25}/g) ?? []))
        assert.match(answer, /^HTTP\/1\.1 400 /, offer[0])
        assert.include(answer, '"error":"invalid_grant"', offer[0])
      }
    })
  )

  it.effect("B24, F24 that is compressed is 415 on every path that reads one, and told what would be read", () =>
    Effect.gen(function* () {
      const gzipped = gzipSync(body)
      const headers = { "content-encoding": "gzip", "content-type": "application/x-www-form-urlencoded" }
      const before = yield* rowCounts()
      for (const path of ["/token", "/revoke", "/introspect", "/register", "/authorize/decision"]) {
        for (const coding of ["gzip", "br", "gzip, identity", "GZIP"]) {
          const answer = yield* request(path, {
            method: "POST",
            body: gzipped,
            headers: { ...headers, "content-encoding": coding }
          })
          assert.strictEqual(answer.status, 415, `${path} ${coding}`)
          assert.strictEqual(answer.headers.get("accept-encoding"), "identity")
        }
      }
      const onTheWay = yield* send(head("Transfer-Encoding: gzip, chunked"), "2\r\nab\r\n0\r\n\r\n")
      assert.match(onTheWay, /^HTTP\/1\.1 415 /)
      assert.deepStrictEqual(yield* rowCounts(), before)
      const plain = yield* request("/token", {
        method: "POST",
        body,
        headers: { ...headers, "content-encoding": "identity" }
      })
      assert.strictEqual(plain.body.error, "invalid_grant")
    })
  )

  it.effect("that breaks off leaves the server as it was", () =>
    Effect.gen(function* () {
      assert.notInclude(yield* sendAnd("break off", [head(length), body.slice(0, 20)]), "invalid_grant")
      assert.strictEqual((yield* refresh("mcp_rt_junk")).status, 400)
    })
  )
})
