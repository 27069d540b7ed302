/**
 * No request holds the event loop for longer than 20 ms, whatever is in it (F1): every route is sent the worst that its
 * limits let through. The routes are those that the server registered, so that a new one is tried like the others.
 */

import { connect } from "node:net"
import { assert, layer, vi } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { authorizeParameters, formOf, getAuthorize, newPkce, obtainTokens, request } from "../support/client.ts"
import { longestTurn, mostOfATurn } from "../support/loop.ts"
import { TestDatabase } from "../support/postgres.ts"
import { watchRoutes } from "../support/routes.ts"

const [FORM, JSON_TYPE] = ["application/x-www-form-urlencoded", "application/json"]
/** The largest body of a form or of a registration, and of a message; all headers together. */
const [SMALL, LARGE, HEADERS] = [64 * 1024, 1024 * 1024, 16 * 1024 - 1500]

/** As often as it fits between the two ends. */
const full = (size: number, unit: string, begin = "", end = "", separator = "") => {
  const count = Math.floor((size - begin.length - end.length + separator.length) / (unit.length + separator.length))
  return begin + Array.from({ length: count }, () => unit).join(separator) + end
}
/** The same with a number in each, so that none is there twice. */
const numbered = (size: number, unit: (at: number) => string, begin = "", end = "", separator = "") => {
  let text = begin
  for (let at = 0; text.length + unit(at).length + separator.length + end.length <= size; at++)
    text += (at === 0 ? "" : separator) + unit(at)
  return text + end
}

/** JSON of about a size that is hard on whoever reads it. */
const heavyJson = (size: number): Readonly<Record<string, string>> => ({
  "more depth than allowed": full(size / 2, "[") + full(size / 2, "]"),
  "all the depth": full(size, `${"[".repeat(40)}${"]".repeat(40)}`, "[", "]", ","),
  "deep objects": full(size, `${'{"":'.repeat(30)}0${"}".repeat(30)}`, "[", "]", ","),
  "many members": numbered(size, (at) => `"${at}":0`, "{", "}", ","),
  "empty objects": full(size, "{}", "[", "]", ","),
  "empty texts": full(size, '""', "[", "]", ","),
  numbers: full(size, "1", "[", "]", ","),
  "huge numbers": full(size, "1e999", "[", "]", ","),
  "a huge number": full(size, "9"),
  blanks: full(size, " ", "[", "]"),
  backslashes: full(size, "\\\\", '"', '"'),
  "escaped quotes": full(size, '\\"', '"', '"'),
  escapes: full(size, "\\u0301", '"', '"'),
  "one text": full(size, "a", '"', '"'),
  "names twice": full(size, '"a":0', "{", "}", ",")
})

const heavyForms = (baseUrl: string): Readonly<Record<string, string>> => {
  const known = "client_id=demo&grant_type=refresh_token&refresh_token=x&response_type=code&decision=approve&"
  return {
    "many parameters": numbered(SMALL, (at) => `${at.toString(36)}=1`, known, "", "&"),
    "one parameter again and again": full(SMALL, "a=1", known, "", "&"),
    "empty parameters": full(SMALL, "a", known, "", "&"),
    "many resources": full(SMALL, `resource=${encodeURIComponent(`${baseUrl}/mcp`)}`, known, "", "&"),
    "many short resources": full(SMALL, "resource=a", known, "", "&"),
    "many scopes": numbered(SMALL, (at) => at.toString(36), `${known}scope=`, "", "+"),
    "one scope again and again": full(SMALL, "a", `${known}scope=`, "", "+"),
    "percent signs": full(SMALL, "%", `${known}token=`),
    escapes: full(SMALL, "%F0%9F%98%80", `${known}token=`),
    "a long token": full(SMALL, "a", `${known}token=mcp_at_`),
    "a long secret": full(SMALL, "a", `${known}client_secret=`),
    "a long assertion": full(
      SMALL,
      "a",
      `${known}client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=`,
      ".a"
    ),
    "a deep assertion": `${known}client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.${Buffer.from("[".repeat(45_000)).toString("base64url")}.a`,
    "a long client_id": full(SMALL, "a", "client_id=https%3A%2F%2Fa.example%2F"),
    "a long redirect_uri": full(SMALL, "a", `${known}redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F`),
    "a deep transaction": `decision=approve&csrf_token=a&transaction=${Buffer.from("[".repeat(45_000)).toString("base64url")}.a`
  }
}

/** Each fills what there is for headers. */
const heavyHeaders: Readonly<Record<string, string>> = {
  "many cookies": numbered(HEADERS, (at) => `gatehouse-${at.toString(16).padStart(8, "0")}=a`, "Cookie: ", "", "; "),
  "short cookies": numbered(HEADERS, (at) => `${at.toString(36)}=`, "Cookie: ", "", ";"),
  "percent cookies": full(HEADERS, "%41", "Cookie: a="),
  "many types": numbered(HEADERS, (at) => `a/${at.toString(36)};q=0`, "Accept: ", "", ","),
  "many parameters of a type": full(HEADERS, ";q= 1", "Accept: */*"),
  "a long bearer": full(HEADERS, "a", "Authorization: Bearer mcp_at_"),
  "blanks before a bearer": full(HEADERS, " ", "Authorization: Bearer", "a"),
  "a long secret": full(HEADERS, "YWE6", "Authorization: Basic "),
  "a secret of percent signs": `Authorization: Basic ${Buffer.from(full(10_000, "%4", "a:")).toString("base64")}`,
  "many trusted proxies": full(HEADERS, "::1", "X-Forwarded-For: ", "", ","),
  "many mapped proxies": full(HEADERS, "::ffff:127.0.0.1", "X-Forwarded-For: ", "", ","),
  "many of no address": full(HEADERS, "a", "X-Forwarded-For: ", "", ","),
  "a long origin": full(HEADERS, "://a", "Origin: http", ""),
  "a long host": full(HEADERS, ":1", "Host: a"),
  "many headers": numbered(HEADERS, (at) => `x${at.toString(36)}: a`, "", "", "\r\n"),
  "a long method asked for": full(HEADERS, "a,", "Access-Control-Request-Headers: ")
}

/** What can be asked of /mcp with any JSON within. */
const messagesAround = (heavy: string): Readonly<Record<string, string>> => {
  const message = (method: string, params: string, id = "1") =>
    `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`
  const tools = ["calculator", "get_weather", "search_web", "search", "fetch", "no such tool"]
  return {
    "as a message": heavy,
    "as params": message("tools/list", heavy),
    "as an id": message("ping", "{}", heavy),
    "as a result": `{"jsonrpc":"2.0","id":1,"result":${heavy}}`,
    "as meta": message("tools/list", `{"_meta":${heavy}}`),
    "as what initialize says": message(
      "initialize",
      `{"protocolVersion":"2025-11-25","capabilities":${heavy},"clientInfo":${heavy}}`
    ),
    "as what is completed": message("completion/complete", heavy),
    "as a uri": message("resources/read", `{"uri":${heavy}}`),
    "as a progress token": message("tools/call", `{"name":"calculator","_meta":{"progressToken":${heavy}}}`),
    "as a notification": `{"jsonrpc":"2.0","method":"notifications/cancelled","params":${heavy}}`,
    ...Object.fromEntries(
      tools.map((name) => [`as arguments of ${name}`, message("tools/call", `{"name":"${name}","arguments":${heavy}}`)])
    ),
    ...Object.fromEntries(
      [
        ["calculator", "expression"],
        ["get_weather", "location"],
        ["get_weather", "days"],
        ["search_web", "query"],
        ["fetch", "id"]
      ].map(([name, member]) => [
        `as ${member} of ${name}`,
        message("tools/call", `{"name":"${name}","arguments":{"${member}":${heavy}}}`)
      ])
    )
  }
}

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers?: ReadonlyArray<string>
  readonly body?: string
}

/** Sends bytes that are ready, and waits until the connection ends; answers the status. */
const send = (port: number, { method, path, headers = [], body = "" }: Sent): (() => Promise<number>) => {
  const host = headers.some((header) => header.startsWith("Host:")) ? [] : [`Host: localhost:${port}`]
  const lines = [`${method} ${path} HTTP/1.1`, ...host, "Connection: close", ...headers]
  const bytes = Buffer.from(`${[...lines, `Content-Length: ${Buffer.byteLength(body)}`].join("\r\n")}\r\n\r\n${body}`)
  return () =>
    new Promise((resolve) => {
      let first = ""
      const socket = connect(port, "localhost", () => socket.write(bytes))
      socket.on("data", (chunk) => {
        first ||= chunk.toString("latin1", 0, 12)
      })
      socket.on("error", () => undefined)
      socket.on("close", () => resolve(Number(first.split(" ")[1])))
    })
}

/** Paths as they were registered while the server was built. */
const registered = new Set<string>()
const recording = Layer.effectDiscard(
  Effect.gen(function* () {
    yield* watchRoutes(registered)
    // What is logged is made, and printed nowhere.
    yield* Effect.acquireRelease(
      Effect.sync(() => vi.spyOn(console, "log").mockImplementation(() => undefined)),
      (spy) => Effect.sync(() => spy.mockRestore())
    )
  })
)

const server = testApp(TestDatabase.quick, {
  LOG_LEVEL: "info",
  LOG_FORMAT: "json",
  TRUST_PROXY: "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
  RATE_LIMIT_ENABLED: "true",
  RATE_LIMIT_AUTHORIZE_PER_MINUTE: "1000000",
  RATE_LIMIT_CLIENT_PER_MINUTE: "1000000",
  RATE_LIMIT_FAILURES_PER_MINUTE: "1000000",
  RATE_LIMIT_REGISTRATIONS_PER_HOUR: "1000000",
  OPENAI_APPS_CHALLENGE: "token-0123456789",
  CORS_ORIGINS: "https://a.example,http://localhost:*,app://*"
}).pipe(Layer.provide(recording))

/** What seems too long is asked again: the first time is the compiler's, another may be the collector's. */
const TIMES = 5

/** Those of the cases that hold the loop for too long every time. */
const tooLong = Effect.fnUntraced(function* (cases: Readonly<Record<string, Sent>>) {
  const { port } = yield* TestApp
  const most = mostOfATurn()
  const found: Array<string> = []
  for (const [name, sent] of Object.entries(cases)) {
    const ask = send(port, sent)
    let turn = Number.POSITIVE_INFINITY
    for (let time = 0; turn > most && time < TIMES; time++) {
      turn = Math.min(turn, yield* Effect.promise(() => longestTurn(ask)))
    }
    if (turn > most) found.push(`${name}: ${turn.toFixed(1)} of ${most.toFixed(1)} ms`)
  }
  return found
})

const named = (entries: Iterable<readonly [string, Sent]>): Readonly<Record<string, Sent>> =>
  Object.fromEntries(entries)
const typed = (type: string) => [`Content-Type: ${type}`]

/** The registered paths with something in the place of their parameters. */
const paths = Effect.sync(() => [...registered].map((path) => path.replace(/:\w+/g, "x")))

layer(server, { excludeTestServices: true, timeout: "60 seconds" })("the event loop beats on", (it) => {
  it.effect(
    "F1 whatever the headers and the query are, on every route",
    () =>
      Effect.gen(function* () {
        const all = yield* paths
        for (const path of ["/", "/mcp", "/token", "/authorize", "/register/x", "/healthz"]) assert.include(all, path)
        const queries = {
          "many parameters": numbered(HEADERS, (at) => at.toString(36), "?", "", "&"),
          "percent signs": full(HEADERS, "%", "?a="),
          "question marks": full(HEADERS, "?")
        }
        const cases = all.flatMap((path) =>
          ["GET", "POST", "OPTIONS"].flatMap((method) => [
            ...Object.entries(heavyHeaders).map(([name, header]): [string, Sent] => [
              `${method} ${path}, ${name}`,
              { method, path, headers: [header] }
            ]),
            ...Object.entries(queries).map(([name, query]): [string, Sent] => [
              `${method} ${path}, ${name}`,
              { method, path: path + query }
            ])
          ])
        )
        assert.deepStrictEqual(yield* tooLong(named(cases)), [])
      }),
    120_000
  )

  it.effect(
    "F1 whatever the body is, on every route",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const bodies: ReadonlyArray<readonly [string, string, string]> = [
          ...Object.entries(heavyForms(baseUrl)).map(([name, body]) => [name, FORM, body] as const),
          ...[SMALL, LARGE].flatMap((size) =>
            Object.entries(heavyJson(size)).map(([name, body]) => [`${name} of ${size}`, JSON_TYPE, body] as const)
          )
        ]
        const cases = (yield* paths).flatMap((path) =>
          bodies.map(([name, type, body]): [string, Sent] => [
            `${path}, ${name}`,
            { method: path === "/register/x" ? "PUT" : "POST", path, headers: typed(type), body }
          ])
        )
        assert.deepStrictEqual(yield* tooLong(named(cases)), [])
      }),
    120_000
  )

  it.effect(
    "F1 whatever a message holds, and whatever a tool is called with",
    () =>
      Effect.gen(function* () {
        const { access_token } = yield* obtainTokens({ scope: "mcp.tools.call mcp.web.read" })
        const headers = [...typed(JSON_TYPE), `Authorization: Bearer ${access_token}`, "Accept: application/json"]
        const heavy = Object.entries(heavyJson(LARGE / 2 - 1000))
        const cases = heavy.flatMap(([what, json]) =>
          Object.entries(messagesAround(json)).map(([how, body]): [string, Sent] => [
            `${what} ${how}`,
            { method: "POST", path: "/mcp", headers, body }
          ])
        )
        const whole = Object.entries(heavyJson(LARGE)).map(([name, body]): [string, Sent] => [
          `${name} of a mebibyte`,
          { method: "POST", path: "/mcp", headers, body }
        ])
        const one = messagesAround(JSON.stringify("1+".repeat(15_000)))["as expression of calculator"] ?? ""
        const batch: ReadonlyArray<[string, Sent]> = [
          [`a batch`, { method: "POST", path: "/mcp", headers, body: full(LARGE, one, "[", "]", ",") }],
          [`a batch of too many`, { method: "POST", path: "/mcp", headers, body: full(LARGE, "{}", "[", "]", ",") }]
        ]
        assert.deepStrictEqual(yield* tooLong(named([...whole, ...batch, ...cases])), [])
      }),
    120_000
  )

  it.effect(
    "F1 whatever a client registers, and asks for afterwards",
    () =>
      Effect.gen(function* () {
        const redirect_uris = Array.from({ length: 50 }, (_, at) => `http://127.0.0.1/${at}${"a".repeat(1100)}`)
        const key = (n: string, e = "AQAB") => ({ kty: "RSA", n, e })
        const client = (more: object) => JSON.stringify({ redirect_uris: redirect_uris.slice(0, 1), ...more })
        const registrations: Readonly<Record<string, string>> = {
          "fifty redirect URIs": JSON.stringify({ redirect_uris }),
          "many redirect URIs": JSON.stringify({ redirect_uris: numbered(60_000, String, "", "", ",").split(",") }),
          "empty keys": full(SMALL, "{}", '{"redirect_uris":["https://a.example/"],"jwks":{"keys":[', "]}}", ","),
          "keys that are none": full(
            SMALL,
            "0",
            '{"redirect_uris":["https://a.example/"],"jwks":{"keys":[',
            "]}}",
            ","
          ),
          "short keys": full(
            SMALL,
            '{"kty":"EC"}',
            '{"redirect_uris":["https://a.example/"],"jwks":{"keys":[',
            "]}}",
            ","
          ),
          "almost keys": full(
            SMALL,
            '{"kty":"EC","x":1}',
            '{"redirect_uris":["https://a.example/"],"jwks":{"keys":[',
            "]}}",
            ","
          ),
          "many contacts": full(SMALL, '"a"', '{"redirect_uris":["https://a.example/"],"contacts":[', "]}", ","),
          "contacts that are none": full(SMALL, "0", '{"redirect_uris":["https://a.example/"],"contacts":[', "]}", ","),
          "many grant types": full(SMALL, '"a"', '{"redirect_uris":["https://a.example/"],"grant_types":[', "]}", ","),
          "a name of joiners": client({ client_name: "\u200d".repeat(20_000) }),
          "a long scope": client({ scope: "a ".repeat(30_000) }),
          "many members": numbered(SMALL, (at) => `"${at}":""`, '{"redirect_uris":["https://a.example/"],', "}", ","),
          "twenty large keys": client({
            token_endpoint_auth_method: "private_key_jwt",
            jwks: { keys: Array.from({ length: 20 }, (_, at) => key(`${at % 10}${"_".repeat(2700)}`)) }
          }),
          "twenty keys with large exponents": client({
            token_endpoint_auth_method: "private_key_jwt",
            jwks: { keys: Array.from({ length: 20 }, (_, at) => key(`${at % 10}${"_".repeat(510)}`, "_".repeat(510))) }
          })
        }
        const posting = Object.entries(registrations).map(([name, body]): [string, Sent] => [
          `registering ${name}`,
          { method: "POST", path: "/register", headers: typed(JSON_TYPE), body }
        ])

        const registering = (body: string) =>
          Effect.map(
            request("/register", { method: "POST", body, headers: { "content-type": JSON_TYPE } }),
            (answer) => answer.body
          )
        const asserting = yield* Effect.forEach(["twenty large keys", "twenty keys with large exponents"], (name) =>
          Effect.map(registering(registrations[name] ?? ""), ({ client_id }): [string, Sent] => {
            const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
            const claims = { iss: client_id, sub: client_id, aud: "x", exp: 9_999_999_999, jti: "a" }
            const assertion = `${part({ alg: "RS256" })}.${part(claims)}.${"_".repeat(name.includes("large keys") ? 2700 : 512)}`
            const form = {
              grant_type: "refresh_token",
              refresh_token: "x",
              client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
              client_assertion: assertion
            }
            const body = String(new URLSearchParams(form))
            return [`an assertion of ${name}`, { method: "POST", path: "/token", headers: typed(FORM), body }]
          })
        )

        const many = yield* registering(registrations["fifty redirect URIs"] ?? "")
        const { challenge } = newPkce()
        const asking = (over: Readonly<Record<string, string>>) =>
          String(new URLSearchParams(authorizeParameters(challenge, over)))
        const worst = { client_id: many.client_id, redirect_uri: `http://127.0.0.1:9/49${"a".repeat(1100)}` }
        const changing = Object.entries(registrations).map(([name, body]): [string, Sent] => [
          `changing to ${name}`,
          {
            method: "PUT",
            path: `/register/${many.client_id}`,
            headers: [...typed(JSON_TYPE), `Authorization: Bearer ${many.registration_access_token}`],
            body: `{"client_id":${JSON.stringify(many.client_id)},${body.slice(1)}`
          }
        ])
        const asks: Readonly<Record<string, string>> = {
          "a long state": asking({ ...worst, state: "<".repeat(4096) }),
          "far too long a state": asking({ ...worst, state: "<".repeat(20_000) }),
          "many scopes": asking({ ...worst, scope: numbered(50_000, (at) => at.toString(36), "", "", " ") }),
          "many prompts": asking({ ...worst, prompt: "a ".repeat(25_000) }),
          "another redirect URI": asking({ ...worst, redirect_uri: `http://127.0.0.1:9/${"a".repeat(60_000)}` })
        }
        const posted = Object.entries(asks).map(([name, body]): [string, Sent] => [
          `asking with ${name}`,
          { method: "POST", path: "/authorize", headers: typed(FORM), body }
        ])

        const page = formOf(yield* getAuthorize(authorizeParameters(challenge, { state: "<".repeat(4000) })))
        const deciding = Object.entries({
          "a long transaction": { ...page, transaction: page.transaction + "a".repeat(50_000) },
          "a long csrf_token": { ...page, csrf_token: "a".repeat(50_000) }
        }).map(([name, form]): [string, Sent] => [
          `deciding with ${name}`,
          {
            method: "POST",
            path: "/authorize/decision",
            headers: [...typed(FORM), `Cookie: ${page.cookie}`],
            body: String(
              new URLSearchParams({ transaction: form.transaction, csrf_token: form.csrf_token, decision: "approve" })
            )
          }
        ])
        assert.deepStrictEqual(
          yield* tooLong(named([...posting, ...asserting, ...changing, ...posted, ...deciding])),
          []
        )
      }),
    120_000
  )
})
