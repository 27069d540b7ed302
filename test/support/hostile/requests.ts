/** One request of a stranger to a route, in the octets that are sent: mostly as it should be, with something odd in it. */

import { type Choices, pick, rarely } from "./choices.ts"
import { jsonBody } from "./json.ts"
import { GOOD, type Party, type Shape, shapeOf } from "./shapes.ts"
import { newMarker, octets, oddText, spoilt } from "./values.ts"

/** Where requests go, and what is genuine there: each party is somebody else. The last one has nothing that is still good. */
export interface World {
  readonly port: number
  readonly routes: ReadonlyArray<string>
  readonly parties: ReadonlyArray<Party>
}

export interface Hostile {
  readonly route: string
  readonly method: string
  /** Head and body. */
  readonly bytes: Buffer
  /** What must not be reflected. */
  readonly marker: string
}

type Pairs = ReadonlyArray<readonly [name: string, value: string]>

/** Whose values a request holds: as a rule the same party's. */
const partyOf = (choices: Choices, { parties }: World, own: Party): Party =>
  rarely(choices, 12) ? pick(choices, parties) : own

const goodValue = (choices: Choices, world: World, own: Party, name: string): string => {
  const good = GOOD[name]
  if (good === undefined) return "a"
  return "kind" in good ? partyOf(choices, world, own)[good.kind] : pick(choices, good as ReadonlyArray<string>)
}

/** The pairs that a shape names: `name`, `name?` now and then, `name:of` with the value of another name. */
const pairsOf = (choices: Choices, world: World, own: Party, names: string, marker: string): Pairs =>
  names.split(" ").flatMap((each): Pairs => {
    const isOptional = each.endsWith("?")
    if (isOptional && !rarely(choices, 25)) return []
    const plain = isOptional ? each.slice(0, -1) : each
    const [name = "", like = name] = GOOD[plain] === undefined ? plain.split(":") : [plain]
    const good = goodValue(choices, world, own, like)
    if (rarely(choices, 12)) return [[name, oddText(choices, marker)]]
    return [[name, rarely(choices, 8) ? spoilt(choices, good) : good]]
  })

const NAMES = [
  "__proto__",
  "constructor",
  "a[b]",
  "a[]",
  "a.b",
  "",
  "client_id",
  "state",
  "code",
  "admin",
  "role",
  "id"
]

/** What happens to all of them together. */
const disturbed = (choices: Choices, pairs: Pairs, marker: string): Pairs => {
  const at = choices.below(Math.max(1, pairs.length))
  switch (choices.below(24)) {
    case 1:
      return pairs.filter((_, index) => index !== at)
    case 2:
      return [...pairs, ...pairs.slice(at, at + 1)]
    case 3:
      return [...pairs, [pairs[at]?.[0] ?? "a", oddText(choices, marker)]]
    case 4:
      return [...pairs, [pick(choices, NAMES), oddText(choices, marker)]]
    case 5:
      return [...pairs, [marker, marker]]
    case 6:
      return pairs.map(([name, value], index) =>
        index === at
          ? [pick(choices, [name.toUpperCase(), `${name}[]`, `${name} `, `${name}\u0000`]), value]
          : [name, value]
      )
    case 7:
      return pairs.map(([name], index) => [name, pairs[(index + 1) % pairs.length]?.[1] ?? ""])
    case 8:
      return rarely(choices, 20) ? Array.from({ length: 1500 }, (_, index) => [`a${index}`, "1"]) : [...pairs].reverse()
    default:
      return pairs
  }
}

const encoded = (choices: Choices, pairs: Pairs): string =>
  pairs
    .map(([name, value]) => `${octets(choices, name)}=${octets(choices, value)}`)
    .join(rarely(choices, 2) ? ";" : "&")

const FORM = "application/x-www-form-urlencoded"
const TYPES = [
  "",
  "text/plain",
  "application/json",
  FORM,
  `${FORM}; charset=utf-16`,
  `${FORM};charset="utf-8"`,
  "APPLICATION/JSON; charset=shift_jis",
  "application/json;application/x-www-form-urlencoded",
  "application/xml",
  "multipart/form-data; boundary=b",
  "multipart/form-data",
  "text/html",
  "*/*",
  "a"
]

const multipart = (pairs: Pairs): string =>
  `${pairs.map(([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join("")}--b--\r\n`

interface Body {
  readonly type: string
  readonly content: string
}

/** A body in octets told as latin1. */
const bodyOf = (choices: Choices, world: World, own: Party, shape: Shape, marker: string): Body | undefined => {
  if (shape.json !== undefined && (shape.form === undefined || rarely(choices, 50))) {
    const isNamed = !["message", "registration", "credential"].includes(shape.json)
    const good = Object.fromEntries(pairsOf(choices, world, own, isNamed ? shape.json : "csrf_token code:link", marker))
    const text = jsonBody(choices, marker, shape.json, good)
    const isUtf16 = rarely(choices, 2)
    return { type: "application/json", content: Buffer.from(text, isUtf16 ? "utf16le" : "utf8").toString("latin1") }
  }
  if (shape.form === undefined) return undefined
  const pairs = disturbed(choices, pairsOf(choices, world, own, shape.form, marker), marker)
  if (rarely(choices, 2))
    return { type: "multipart/form-data; boundary=b", content: Buffer.from(multipart(pairs)).toString("latin1") }
  return { type: FORM, content: encoded(choices, pairs) }
}

type Headers = Array<readonly [name: string, value: string]>

const authorizationOf = (choices: Choices, world: World, own: Party, shape: Shape, marker: string): string => {
  const basic = (party: Party) =>
    `Basic ${Buffer.from(`${octets(choices, party.client_id)}:${octets(choices, party.client_secret)}`).toString("base64")}`
  const good =
    shape.authorization === "basic"
      ? basic(partyOf(choices, world, own))
      : `Bearer ${partyOf(choices, world, own)[shape.authorization ?? "access_token"]}`
  if (!rarely(choices, 20)) return good
  return pick(choices, [
    "Bearer",
    "Bearer ",
    "Bearer a b",
    `Bearer ${own.refresh_token}`,
    `Bearer ${own.code}`,
    `bearer ${own.access_token}`,
    `Bearer ${own.access_token}, Bearer ${own.access_token}`,
    `Bearer ${spoilt(choices, own.access_token).replace(/[^\x21-\x7e]/g, "")}`,
    `Bearer "${marker}"`,
    `Bearer ${"a".repeat(10_000)}`,
    `Basic ${marker}`,
    "Basic",
    "Basic Og==",
    `Basic ${Buffer.from("a:%zz").toString("base64")}`,
    `Basic ${Buffer.from([0xff, 0x3a, 0xfe]).toString("base64")}`,
    `Digest username="${marker}"`,
    "Negotiate"
  ])
}

const cookieOf = (choices: Choices, world: World, own: Party, marker: string): string => {
  if (!rarely(choices, 12)) return own.cookie
  const other = pick(choices, world.parties).cookie
  return pick(choices, [
    `${own.cookie}; ${other}`,
    other,
    own.cookie.replace("gatehouse", "__Host-gatehouse"),
    own.cookie.replaceAll("=", "=%"),
    `gatehouse="${marker}"`,
    "gatehouse=%ff%fe%",
    "gatehouse",
    "=;=;;,",
    `gatehouse-known=${marker}; ${own.cookie}`,
    `__proto__=1; constructor=${marker}; ${own.cookie}`,
    `${own.cookie}\t;${"a=b;".repeat(500)}`
  ])
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "FOO", "PRI"]
const OF_MCP = ["2025-11-25", "2026-07-28", "2024-11-05", "1900-01-01", "a"]

const oddHeader = (choices: Choices, world: World, marker: string): readonly [string, string] => {
  const { port } = world
  const host = `localhost:${port}`
  const origins = [
    "null",
    "https://evil.example",
    `http://${host}`,
    `http://${host}.evil.example`,
    "a",
    `http://${marker}`
  ]
  return pick<readonly [string, string]>(choices, [
    ["Origin", pick(choices, origins)],
    ["Sec-Fetch-Site", pick(choices, ["cross-site", "same-site", "same-origin", "none", marker])],
    ["X-Forwarded-For", pick(choices, ["127.0.0.1", `<${marker}>`, "::1, 10.0.0.1", ",".repeat(500)])],
    ["X-Forwarded-Host", `${marker}.example`],
    ["X-Forwarded-Proto", "https"],
    ["X-Original-URL", "/admin"],
    ["X-HTTP-Method-Override", "DELETE"],
    ["Forwarded", `for=127.0.0.1;host=${marker}.example`],
    ["Range", pick(choices, ["bytes=0-0", "bytes=-1", "bytes=0-1,2-3,4-5", "bytes=9-0", `a=${marker}`])],
    ["If-None-Match", pick(choices, ["*", '"a"', `W/"${marker}"`, '"'])],
    ["If-Modified-Since", pick(choices, ["Thu, 01 Jan 1970 00:00:00 GMT", marker])],
    ["If-Match", '"a"'],
    ["Accept", pick(choices, ["text/html", "*/*;q=0", "text/event-stream", "application/json", marker, ",;q=,"])],
    ["Accept-Language", `${marker}<b>`],
    ["Accept-Encoding", "gzip, br;q=0"],
    ["Content-Encoding", pick(choices, ["gzip", "identity", "br, gzip", marker])],
    ["Access-Control-Request-Method", pick(choices, ["POST", "DELETE", "FOO"])],
    ["Access-Control-Request-Headers", "authorization"],
    ["Mcp-Protocol-Version", pick(choices, OF_MCP)],
    ["Mcp-Session-Id", pick(choices, [marker, "a".repeat(5000)])],
    ["Mcp-Method", "tools/call"],
    ["Mcp-Name", "calculator"],
    ["Last-Event-ID", marker],
    ["User-Agent", pick(choices, [`<script>${marker}</script>`, "a".repeat(5000), "\u00ff\u00fe"])],
    ["Referer", `https://${marker}.example/`],
    ["Via", `1.1 ${marker}`],
    ["X-Request-Id", marker],
    ["Purpose", "prefetch"],
    ["Sec-Fetch-Mode", "navigate"],
    ["Sec-Fetch-Mode", "navigate"]
  ])
}

const HOSTS = [
  "LOCALHOST",
  "127.0.0.1",
  "[::1]",
  "evil.example",
  "localhost.evil.example",
  "localhost:1",
  "localhost, evil.example"
]

/** A path in the place of a registered one. */
const pathOf = (choices: Choices, route: string, own: Party, marker: string): string => {
  const path = route.replace(/:(\w+)/g, (_, name: string) => {
    if (rarely(choices, 25)) return octets(choices, oddText(choices, marker).slice(0, 2000))
    return name === "clientId" ? encodeURIComponent(own.registered) : pick(choices, ["corp", "stub", "none"])
  })
  if (!rarely(choices, 5)) return path
  return pick(choices, [
    `${path}/`,
    `/${path}`,
    `${path}/..`,
    `/.${path}`,
    `/%2e%2e${path}`,
    path.replaceAll("/", "%2f"),
    path.toUpperCase(),
    `${path};a=${marker}`,
    `${path}%00`,
    `${path}%c0%af`,
    `${path}#${marker}`,
    `${path}/${marker}`,
    `${path}%0d%0aX-Injected:%20${marker}`,
    `${path}\\${marker}`,
    "*"
  ])
}

/** What of a text can stand in a request line without ending it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
const inLine = (text: string) => text.replace(/[\u0000-\u0020\u007f]/g, (one) => escape(one))

const chunkedBody = (choices: Choices, body: Buffer): Buffer => {
  const size = 1 + choices.below(Math.max(1, body.length))
  const pieces: Array<Buffer> = []
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size)
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"))
  }
  return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")])
}

/** Each costs a password's hash, which is slow by design. */
const SLOW = /^\/(login|[a-z]+\/password)$/

const routeOf = (choices: Choices, { routes }: World): string => {
  const route = pick(choices, routes)
  return SLOW.test(route) && !rarely(choices, 15) ? pick(choices, routes) : route
}

/** The next request. Its framing is right: what is wrong there is tried by the tests of smuggling. */
export const nextRequest = (choices: Choices, world: World): Hostile => {
  const route = routeOf(choices, world)
  const shape = shapeOf(route)
  const marker = newMarker()
  const own = pick(choices, world.parties)
  const body = bodyOf(choices, world, own, shape, marker)
  const usual = shape.methods ?? [body === undefined ? "GET" : "POST"]
  const method = rarely(choices, 8) ? pick(choices, METHODS) : pick(choices, usual)
  const isRead = method === "GET" || method === "HEAD"
  const query =
    shape.query !== undefined && (isRead || rarely(choices, 5))
      ? encoded(choices, disturbed(choices, pairsOf(choices, world, own, shape.query, marker), marker))
      : ""
  const path = pathOf(choices, route, own, marker)
  const target = inLine(query === "" ? path : `${path}?${query}`)
  const authority = `localhost:${world.port}`
  const absolute = pick(choices, [`http://${authority}`, `http://${marker}.example`, `https://${authority}`])

  const headers: Headers = [["Host", rarely(choices, 3) ? pick(choices, HOSTS) : authority]]
  if (!rarely(choices, 5)) headers.push(["Cookie", cookieOf(choices, world, own, marker)])
  if (shape.authorization !== undefined && !rarely(choices, shape.authorization === "access_token" ? 8 : 60)) {
    headers.push(["Authorization", authorizationOf(choices, world, own, shape, marker)])
  }
  if (route.startsWith("/mcp")) {
    headers.push(["Accept", "application/json, text/event-stream"], ["Mcp-Protocol-Version", pick(choices, OF_MCP)])
  } else if (rarely(choices, 50)) headers.push(["Accept", "text/html,*/*;q=0.8"], ["Sec-Fetch-Mode", "navigate"])
  for (let left = choices.below(4); left > 1; left--) headers.push(oddHeader(choices, world, marker))
  if (rarely(choices, 2)) headers.push(pick(choices, headers))

  const isSent = body !== undefined && (!isRead || rarely(choices, 10))
  const content = isSent ? Buffer.from(body.content, "latin1") : Buffer.alloc(0)
  if (isSent) headers.push(["Content-Type", rarely(choices, 6) ? pick(choices, TYPES) : body.type])
  const isChunked = isSent && rarely(choices, 5)
  if (isChunked) headers.push(["Transfer-Encoding", "chunked"])
  else if (isSent || !isRead) headers.push(["Content-Length", String(content.length)])

  const line = `${method} ${rarely(choices, 2) ? absolute : ""}${target} HTTP/1.1`
  // A byte that may stand in no header is refused by Node's parser, and nothing behind it is read.
  const head = [line, ...headers.map(([name, value]) => `${name}: ${value.replace(/[\r\n\0]/g, "")}`), "", ""].join(
    "\r\n"
  )
  return {
    route,
    method,
    marker,
    bytes: Buffer.concat([Buffer.from(head, "latin1"), isChunked ? chunkedBody(choices, content) : content])
  }
}
