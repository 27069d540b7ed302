/** What holds of every answer, whatever was asked. */

import type { Hostile } from "./requests.ts"
import type { WireAnswer } from "./wire.ts"

/** Whether nothing was done: an error, the way to the sign-in page, or an error that is told to a client. */
export const isRefused = ({ status, headers }: WireAnswer): boolean => {
  if (status >= 400) return true
  const location = headers.find(([name]) => name === "location")?.[1] ?? ""
  // That somebody said no is an answer of theirs, and is kept.
  return status >= 300 && (location.startsWith("/login?") || /[?&]error=(?!access_denied)/.test(location))
}

/** Answers of Node's own parser, before any of ours is run: they have no body, and the connection ends. */
const isOfTheParser = ({ status, headers, body }: WireAnswer) =>
  [400, 408, 413, 431].includes(status) && body === "" && !headers.some(([name]) => name === "x-request-id")

/**
 * Where an answer may repeat what was sent: JSON-RPC ids and a tool's own words, a registration (RFC 7591 §3.2.1), the name that a passkey
 * is to be made for (WebAuthn §5.4.3).
 */
const isEcho = ({ route }: Hostile, type: string) =>
  (type === "application/json" || type === "text/event-stream") &&
  /^\/(mcp\/?$|register)|\/passkey\/options$/.test(route)

const PAGE_HEADERS: Readonly<Record<string, RegExp>> = {
  "content-security-policy": /^default-src 'none';.*frame-ancestors 'none'; base-uri 'none'$/,
  "x-frame-options": /^DENY$/,
  "referrer-policy": /^no-referrer$/,
  "cache-control": /no-store/
}

/** What nobody outside should read: our files, the database's words. */
const INSIDE = /node_modules|\.ts:\d+|file:\/\/|SqlError|SQLSTATE|\bat async\b|mcp\.(oauth|people|browser)_/

/** The promises that an answer of the server at `own` breaks. `mayLeadTo` are the origins besides that somebody may be sent to. */
export const broken = (
  sent: Hostile,
  answer: WireAnswer,
  own: string,
  mayLeadTo: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const { status, headers, body } = answer
  if (isOfTheParser(answer)) return answer.isLast ? [] : ["the connection goes on after what could not be parsed"]
  const all = (name: string) => headers.filter(([each]) => each === name).map(([, value]) => value)
  const [type = ""] = (all("content-type")[0] ?? "").split(";")
  const found: Array<string> = []
  const must = (isSo: boolean, promise: string) => {
    if (!isSo) found.push(promise)
  }

  must(status >= 200 && status <= 503 && (status < 500 || status === 503), `no answer is ${status}`)
  if (status === 503) must(all("retry-after").length === 1, "503 says when to come again")
  must(all("x-content-type-options").join() === "nosniff", "nosniff stands once on every answer")
  must(all("cache-control").length === 1, "every answer says what a cache may do")
  must(/^[0-9a-f-]{36}$/.test(all("x-request-id").join()), "every answer has an id of ours")
  must(all("server").length + all("x-powered-by").length + all("x-injected").length === 0, "no header but ours")
  if (type === "text/html") {
    for (const [name, pattern] of Object.entries(PAGE_HEADERS))
      must(pattern.test(all(name).join()), `${name} of a page`)
    must(
      all("access-control-allow-origin").every((origin) => origin === own),
      "no other origin reads a page"
    )
  }
  for (const cookie of all("set-cookie")) {
    must(
      /^(__Host-)?gatehouse/.test(cookie) && /; HttpOnly/.test(cookie) && /; SameSite=Lax/.test(cookie),
      "cookies are ours"
    )
  }
  for (const location of all("location")) {
    const isOurs = /^\/(?![/\\])[\x21-\x7e]*$/.test(location)
    must(
      isOurs || [own, ...mayLeadTo].includes(URL.parse(location)?.origin ?? "nowhere"),
      `nobody is led to ${location}`
    )
  }
  for (const [name, value] of headers) {
    if (name === "location" || name === "access-control-allow-headers") continue
    must(!value.includes(sent.marker), `${name} repeats nothing`)
  }
  if (type === "text/html") {
    must(!new RegExp(`${sent.marker}(<|"><script|' on)`).test(body), "a page escapes what was sent")
    must(!/<script(?! (defer|type="module") src="\/)/.test(body), "a page has no script but ours")
  } else if (!isEcho(sent, type)) must(!body.includes(sent.marker), "what was sent does not come back")
  must(!INSIDE.test(body), "nothing of the inside is told")
  if (type === "application/json" && body !== "") {
    try {
      JSON.parse(Buffer.from(body, "latin1").toString())
    } catch {
      found.push("JSON is JSON")
    }
  }
  return found
}
