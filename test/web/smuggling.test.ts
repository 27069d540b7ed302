/**
 * Messages that two readers take for different ones (RFC 9112 §11.2): whoever stands in front may have seen one request
 * where we see two. What is not framed in the one right way is refused and ends the connection, so that a request that was
 * hidden in another is never answered.
 */

import { connect } from "node:net"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { obtainTokens, rowCounts } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const FORM = "Content-Type: application/x-www-form-urlencoded"
const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
/** Whoever waits for the end of the connection has it with the answer to this. */
const LAST = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

/** Sends octets (latin1) and waits for the end of the connection: the statuses of all answers. */
const statusesOf = Effect.fn("test.statusesOf")(function* (...pieces: ReadonlyArray<string>) {
  const { port } = yield* TestApp
  return yield* Effect.callback<ReadonlyArray<number>>((resume) => {
    let received = ""
    const left = [...pieces]
    const next = () => {
      const piece = left.shift()
      if (piece !== undefined) socket.write(Buffer.from(piece, "latin1"), () => setImmediate(next))
    }
    const socket = connect({ port, host: "localhost", noDelay: true }, next)
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1")
    })
    socket.on("error", () => undefined)
    socket.on("close", () => {
      const lines = [...received.matchAll(/(?:^|\n|\}|>)HTTP\/1\.1 (\d{3}) /g)]
      resume(Effect.succeed(lines.map(([, status]) => Number(status)).filter((status) => status !== 100)))
    })
  })
})

const post = (headers: ReadonlyArray<string>, body = "") =>
  `${["POST /token HTTP/1.1", "Host: localhost", FORM, ...headers].join("\r\n")}\r\n\r\n${body}`
const get = (...lines: ReadonlyArray<string>) =>
  `${["GET /healthz HTTP/1.1", "Host: localhost", ...lines].join("\r\n")}\r\n\r\n`
const chunked = (body: string, ...headers: ReadonlyArray<string>) =>
  post([...headers, "Transfer-Encoding: chunked"], body)
/** A first line as it is, and all that a request needs. */
const line = (first: string) => `${first}\r\nHost: localhost\r\n\r\n`

const REFUSED: Readonly<Record<string, string>> = {
  "a length and chunks": post(["Content-Length: 6", "Transfer-Encoding: chunked"], `0\r\n\r\n${HIDDEN}`),
  "chunks and a length": post(["Transfer-Encoding: chunked", "Content-Length: 6"], `0\r\n\r\n${HIDDEN}`),
  "two lengths": post(["Content-Length: 0", `Content-Length: ${HIDDEN.length}`], HIDDEN),
  "the same length twice": post(["Content-Length: 3", "Content-Length: 3"], `a=b${HIDDEN}`),
  "a list of lengths": post(["Content-Length: 3, 3"], `a=b${HIDDEN}`),
  "a length with a sign": post(["Content-Length: +3"], `a=b${HIDDEN}`),
  "a length below nothing": post(["Content-Length: -1"], HIDDEN),
  "a length in hex": post(["Content-Length: 0x3"], `a=b${HIDDEN}`),
  "a length with a blank in it": post(["Content-Length: 1 3"], `a=b${HIDDEN}`),
  "a length with a comma": post(["Content-Length: 3,"], `a=b${HIDDEN}`),
  "a length with a point": post(["Content-Length: 3.0"], `a=b${HIDDEN}`),
  "a length beyond 64 bits": post(["Content-Length: 18446744073709551619"], `a=b${HIDDEN}`),
  "no length in its header": post(["Content-Length:"], HIDDEN),
  "a blank before the colon": post(["Transfer-Encoding : chunked"], `0\r\n\r\n${HIDDEN}`),
  "a coding behind the chunks": post(["Transfer-Encoding: chunked, identity"], `0\r\n\r\n${HIDDEN}`),
  "chunks behind a vertical tab": post(["Transfer-Encoding: \u000bchunked"], `0\r\n\r\n${HIDDEN}`),
  "chunks, and then something else": post(
    ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    `0\r\n\r\n${HIDDEN}`
  ),
  "a header that goes on in the next line": post(["Content-Length:", " 3"], `a=b${HIDDEN}`),
  "a value that goes on in the next line": get("X-A: a", " b"),
  "a line of blanks between headers": get("X-A: a", " ", "X-B: b"),
  "lines that end in a bare LF": `GET /healthz HTTP/1.1\nHost: localhost\n\n${HIDDEN}`,
  "one header that ends in a bare LF": "GET /healthz HTTP/1.1\r\nX-A: a\nHost: localhost\r\n\r\n",
  "a bare CR in a value": get("X-A: a\rX-B: b"),
  "a NUL in a value": get("X-A: a\u0000b"),
  "a NUL in a name": get("X-\u0000A: a"),
  "a name with a blank": get("X A: a"),
  "a header without a name": get(": a"),
  "a header without a colon": get("X-A"),
  "a blank before the first header": `GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n${HIDDEN}`,
  "a chunk's size in two notations": chunked(`0x3\r\na=b\r\n0\r\n\r\n${HIDDEN}`),
  "a chunk's size with a sign": chunked(`+3\r\na=b\r\n0\r\n\r\n${HIDDEN}`),
  "a chunk's size below nothing": chunked(`-1\r\n\r\n0\r\n\r\n${HIDDEN}`),
  "a chunk's size beyond 64 bits": chunked(`10000000000000003\r\na=b\r\n0\r\n\r\n${HIDDEN}`),
  "no size of a chunk": chunked(`\r\na=b\r\n0\r\n\r\n${HIDDEN}`),
  "a chunk that is longer than it says": chunked(`1\r\na=b\r\n0\r\n\r\n${HIDDEN}`),
  "a chunk's size that ends in a bare LF": chunked(`3\na=b\r\n0\r\n\r\n${HIDDEN}`),
  "a chunk that ends in a bare LF": chunked(`3\r\na=b\n0\r\n\r\n${HIDDEN}`),
  "a chunk's extension with a bare LF": chunked(`0;a\n\r\n${HIDDEN}`),
  "a length in a trailer": chunked(`3\r\na=b\r\n0\r\nContent-Length: 5\r\n\r\n${HIDDEN}`),
  "a tab in the first line": line("GET\t/healthz\tHTTP/1.1"),
  "something behind the version": line("GET /healthz HTTP/1.1 a"),
  "a path with a blank": line("GET /heal thz HTTP/1.1"),
  "a NUL in the path": line("GET /heal\u0000thz HTTP/1.1"),
  "a version of two digits": line("GET /healthz HTTP/1.10"),
  "a version that does not exist": line("GET /healthz HTTP/3.7"),
  "another protocol": line("GET /healthz HTTQ/1.1"),
  "a method in small letters": line("get /healthz HTTP/1.1"),
  "a method that does not exist": line("SMUGGLE /healthz HTTP/1.1"),
  "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000",
  "the hello of TLS": "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
  "nothing but noise": "\u0000\u0001\u0002\u00ff\u00fe"
}

layer(testApp(TestDatabase.quick), { excludeTestServices: true, timeout: "60 seconds" })("a message", (it) => {
  for (const [name, bytes] of Object.entries(REFUSED)) {
    it.effect(`OP7 with ${name} is 400, ends the connection, and hides no request`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* statusesOf(bytes + LAST), [400])
      })
    )
  }

  it.effect("OP7 that asks to be connected elsewhere (CONNECT) ends the connection", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* statusesOf(line("CONNECT evil.example:443 HTTP/1.1") + HIDDEN + LAST), [])
    })
  )

  it.effect("OP7 with headers of more than 16 KiB is 431, and ends the connection", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* statusesOf(get(`X-A: ${"a".repeat(17_000)}`) + LAST), [431])
      assert.deepStrictEqual(yield* statusesOf(line(`GET /${"a".repeat(17_000)} HTTP/1.1`) + LAST), [431])
    })
  )

  /** One answer, and the connection ends. What follows may be found to be no request before that answer leaves: then it is 400. */
  const answeredOnce = Effect.fn("test.answeredOnce")(function* (sent: string, status: number) {
    assert.include(["400", String(status)], String(yield* statusesOf(sent + LAST)), sent)
  })

  it.effect("OP7 in a coding that nobody knows is refused, and its end is the connection's", () =>
    Effect.gen(function* () {
      for (const coding of ["xchunked", "gzip", "chunked;a=b", '"chunked"', "identity"]) {
        yield* answeredOnce(post([`Transfer-Encoding: ${coding}`], `0\r\n\r\n${HIDDEN}`), 415)
      }
    })
  )

  it.effect("OP7 without a version or a Host is answered once, and by nothing but the probes", () =>
    Effect.gen(function* () {
      yield* answeredOnce(`GET /healthz\r\n\r\n${HIDDEN}`, 200)
      yield* answeredOnce(`GET /jwks\r\n\r\n${HIDDEN}`, 403)
      yield* answeredOnce(`GET /jwks HTTP/1.0\r\n\r\n${HIDDEN}`, 403)
    })
  )

  it.effect("OP7 in chunks may have extensions and trailers, which say nothing", () =>
    Effect.gen(function* () {
      const body = `3;a="b;c"\r\na=b\r\n0\r\nAuthorization: Bearer a\r\nX-A: a\r\n\r\n`
      assert.deepStrictEqual(yield* statusesOf(chunked(body) + LAST), [401, 200])
      // No end of them: as much as a header may have.
      const endless = `3;${"a".repeat(17_000)}\r\na=b\r\n0\r\n\r\n${HIDDEN}`
      assert.deepStrictEqual(yield* statusesOf(chunked(endless) + LAST), [413])
    })
  )

  it.effect("OP7 has a body that is never taken for a request, whoever refuses it and however early", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      const before = yield* rowCounts()
      const { port } = yield* TestApp
      const json = "Content-Type: application/json"
      const bearer = `Authorization: Bearer ${access_token}`
      const cases: ReadonlyArray<readonly [path: string, headers: ReadonlyArray<string>, status: number]> = [
        ["POST /mcp", [json], 401],
        ["POST /mcp", [json, "Authorization: Bearer a"], 401],
        ["POST /mcp", [json, bearer, "Origin: https://evil.example"], 403],
        ["PUT /mcp", [json, bearer], 405],
        ["POST /mcp", [FORM, bearer], 415],
        ["POST /mcp", [json, bearer, "Content-Encoding: gzip"], 415],
        ["POST /mcp", [json, bearer, "Accept: text/html"], 406],
        ["POST /mcp", [json, bearer], 400],
        ["POST /token", [json], 400],
        ["POST /token?a=b", [FORM], 400],
        ["GET /token", [FORM], 405],
        ["GET /healthz", [], 200],
        ["DELETE /healthz", [], 405],
        ["POST /nothing", [FORM], 404],
        ["POST /register", [FORM], 400],
        ["POST /authorize/decision", [FORM], 400],
        ["POST /account/name", [FORM], 303]
      ]
      for (const [first, headers, status] of cases) {
        const said = `${first} ${headers}`
        const head = (...more: ReadonlyArray<string>) =>
          `${[`${first} HTTP/1.1`, `Host: localhost:${port}`, ...headers, ...more].join("\r\n")}\r\n\r\n`
        const whole = head(`Content-Length: ${HIDDEN.length}`) + HIDDEN
        assert.deepStrictEqual(yield* statusesOf(whole + LAST), [status, 200], said)
        // In two pieces: the answer may be there before the body is.
        const inPieces = yield* statusesOf(
          head(`Content-Length: ${HIDDEN.length}`),
          HIDDEN.slice(0, 20),
          HIDDEN.slice(20) + LAST
        )
        assert.deepStrictEqual(inPieces, [status, 200], said)
        const asChunk = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`
        assert.deepStrictEqual(
          yield* statusesOf(head("Transfer-Encoding: chunked") + asChunk + LAST),
          [status, 200],
          said
        )
      }
      assert.deepStrictEqual(yield* rowCounts(), before)
    })
  )

  it.effect("OP7 that is too large is refused, and what follows of it is not taken for a request", () =>
    Effect.gen(function* () {
      const large = post([`Content-Length: ${70_000 + HIDDEN.length}`])
      const statuses = yield* statusesOf(large, "a".repeat(70_000), HIDDEN + LAST)
      assert.strictEqual(statuses[0], 413)
      assert.notInclude(statuses, 404)
    })
  )

  it.effect("OP7 behind one that was refused is not read, however many there are", () =>
    Effect.gen(function* () {
      const many = get() + get() + get("X A: a") + HIDDEN.repeat(50) + LAST
      const statuses = yield* statusesOf(many)
      // What stood before it may have been answered already.
      assert.isAtMost(statuses.filter((status) => status === 200).length, 2)
      assert.notInclude(statuses, 404)
    })
  )

  it.effect("OP7 with a full address is for the host in it (RFC 9112 §3.2.2), and only for one of ours", () =>
    Effect.gen(function* () {
      const asked = (target: string, host: string) =>
        statusesOf(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      assert.deepStrictEqual(yield* asked("http://evil.example/jwks", "localhost"), [403], "http://evil.example/jwks")
      assert.deepStrictEqual(yield* asked("http://localhost/jwks", "localhost"), [200], "http://localhost/jwks")
      assert.deepStrictEqual(
        yield* asked("http://localhost@evil.example/jwks", "localhost"),
        [403],
        "http://localhost@evil.example/jwks"
      )
      assert.deepStrictEqual(yield* asked("//evil.example/jwks", "localhost"), [404], "//evil.example/jwks")
      assert.deepStrictEqual(yield* asked("evil.example:443", "localhost"), [400], "evil.example:443")
      // The router would take any first character for the slash.
      for (const target of ["*", "*jwks", "*healthz", "*/jwks"]) {
        assert.deepStrictEqual(yield* asked(target, "localhost"), [404], target)
      }
    })
  )
})
