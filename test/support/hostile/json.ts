/** JSON that a stranger posts: good of its kind, with some of it odd, or not JSON at all. */

import { type Choices, pick, rarely } from "./choices.ts"
import { oddText } from "./values.ts"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }

/** Any value. */
const oddValue = (choices: Choices, marker: string, depth = 0): Json => {
  switch (choices.below(depth > 3 ? 6 : 9)) {
    case 0:
      return null
    case 1:
      return rarely(choices, 50)
    case 2:
      return pick(choices, [0, -1, 1.5, 2 ** 53, 1e308, -0])
    case 3:
    case 4:
    case 5:
      return oddText(choices, marker).slice(0, 30_000)
    case 6:
      return Array.from({ length: choices.below(4) }, () => oddValue(choices, marker, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: choices.below(4) }, () => [
          pick(choices, ["a", "", "name", "_meta", "constructor", "toString", "length", marker]),
          oddValue(choices, marker, depth + 1)
        ])
      )
  }
}

/** Sometimes something else in the place of a value, and sometimes odd inside. */
const disturbed = (choices: Choices, marker: string, value: Json, percent: number): Json => {
  if (rarely(choices, percent)) return oddValue(choices, marker)
  if (value === null || typeof value !== "object") return value
  if (Array.isArray(value)) return value.map((item) => disturbed(choices, marker, item, percent))
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) =>
      rarely(choices, percent) ? [] : [[name, disturbed(choices, marker, item, percent)]]
    )
  )
}

const METHODS = [
  "tools/call",
  "tools/list",
  "initialize",
  "ping",
  "server/discover",
  "prompts/list",
  "prompts/get",
  "resources/list",
  "resources/read",
  "resources/templates/list",
  "resources/subscribe",
  "completion/complete",
  "logging/setLevel",
  "notifications/initialized",
  "notifications/cancelled",
  "notifications/progress",
  "sampling/createMessage",
  "roots/list",
  "elicitation/create",
  "tasks/get",
  "rpc.discover",
  "toString",
  ""
]

const EXPRESSIONS = ["6*7", "(".repeat(500), "9**9**9**9", "constructor.constructor('a')()", "1e999", "__proto__"]

const META: Json = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "fuzz", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": { elicitation: {} }
}

const paramsOf = (choices: Choices, method: string): Json => {
  switch (method) {
    case "tools/call":
      return { name: "calculator", arguments: { expression: pick(choices, EXPRESSIONS) } }
    case "initialize":
      return { protocolVersion: "2025-11-25", capabilities: { roots: {} }, clientInfo: { name: "fuzz", version: "1" } }
    case "prompts/get":
      return { name: "a", arguments: { a: "b" } }
    case "resources/read":
    case "resources/subscribe":
      return { uri: "ui://weather/card.html" }
    case "completion/complete":
      return { ref: { type: "ref/prompt", name: "a" }, argument: { name: "a", value: "b" } }
    case "logging/setLevel":
      return { level: "debug" }
    case "notifications/cancelled":
      return { requestId: 1, reason: "none" }
    default:
      return {}
  }
}

const message = (choices: Choices, marker: string): Json => {
  const method = pick(choices, METHODS)
  const params = paramsOf(choices, method)
  const withMeta =
    rarely(choices, 40) && params !== null && typeof params === "object" ? { ...params, _meta: META } : params
  const id = pick<Json>(choices, [1, "a", 0, -1, 1.5, null, marker, 2 ** 53])
  const isNotification = method.startsWith("notifications/") !== rarely(choices, 5)
  return { jsonrpc: "2.0", ...(isNotification ? {} : { id }), method, params: withMeta }
}

const registration = (choices: Choices, marker: string): Json => ({
  redirect_uris: [pick(choices, ["https://a.example/cb", "http://127.0.0.1/cb", `javascript:alert('${marker}')`])],
  client_name: rarely(choices, 30) ? oddText(choices, marker).slice(0, 3000) : "An app",
  token_endpoint_auth_method: pick(choices, ["none", "client_secret_post", "client_secret_basic", "private_key_jwt"]),
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  ...(rarely(choices, 20) ? { jwks_uri: `https://${marker}.example/jwks` } : {}),
  ...(rarely(choices, 20) ? { logo_uri: `javascript:'${marker}'`, client_uri: "https://a.example" } : {}),
  ...(rarely(choices, 20) ? { jwks: { keys: [{ kty: "RSA", n: "AQAB", e: "AQAB" }] } } : {}),
  ...(rarely(choices, 20) ? { scope: `mcp.tools.call ${marker}` } : {})
})

const credential = (marker: string, good: Readonly<Record<string, string>>): Json => ({
  ...good,
  response: {
    id: marker,
    rawId: marker,
    type: "public-key",
    clientExtensionResults: {},
    response: {
      clientDataJSON: "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
      attestationObject: "o2NmbXRkbm9uZQ",
      authenticatorData: "AAAA",
      signature: "AAAA",
      userHandle: "AAAA",
      transports: ["internal"]
    }
  }
})

const BROKEN = ["", "{", '{"a":}', "[1,", "nul", "\ufeff{}", "'a'", "{a:1}", "1 2", "NaN", '"\\ud800"', '"\u0001"']

/** Members that would reach a prototype, or stand there twice, which no object of ours can write. */
const poisoned = (text: string): ReadonlyArray<string> => [
  text.replace("{", '{"__proto__":{"isPolluted":true},'),
  text.replace("{", '{"constructor":{"prototype":{"isPolluted":true}},'),
  text.replace("{", '{"method":"ping","id":1,'),
  text.replaceAll('"', "\\u0022").replace("{", '{"a":"'),
  `[${text},${text}]`,
  "[".repeat(100_000),
  `${"[".repeat(50)}${text}${"]".repeat(50)}`
]

/** The text of a JSON body. `good` are the genuine values by their names. */
export const jsonBody = (
  choices: Choices,
  marker: string,
  kind: string,
  good: Readonly<Record<string, string>>
): string => {
  const plain =
    kind === "message"
      ? message(choices, marker)
      : kind === "registration"
        ? registration(choices, marker)
        : kind === "credential"
          ? credential(marker, good)
          : good
  const text = JSON.stringify(disturbed(choices, marker, plain, pick(choices, [0, 2, 10])))
  if (rarely(choices, 8)) return pick(choices, poisoned(text))
  if (rarely(choices, 4)) return pick(choices, BROKEN)
  return rarely(choices, 10) ? `[${Array.from({ length: 1 + choices.below(4) }, () => text).join(",")}]` : text
}
