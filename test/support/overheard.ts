/** What went over the wire between clients and a server: the secrets in it, and what refusals said. */

import { Effect } from "effect"

/** What carries a secret, as a parameter, a member of a JSON object, or a hidden field. */
const SECRET = new Set([
  "code",
  "codes",
  "code_verifier",
  "client_secret",
  "access_token",
  "refresh_token",
  "id_token",
  "id_token_hint",
  "token",
  "registration_access_token",
  "password",
  "current",
  "state",
  "csrf_token",
  "transaction"
])
/** Shorter ones stand somewhere by chance. */
const LEAST = 12

const pairsOf = (text: string): ReadonlyArray<readonly [string, unknown]> => {
  if (text.startsWith("{")) return Object.entries(JSON.parse(text))
  return [...new URLSearchParams(text)]
}

/** Listens to all that is fetched until the scope is closed. */
export const overhear = Effect.gen(function* () {
  const secrets = new Map<string, Set<string>>()
  const refusals: Array<{ readonly where: string; readonly said: string }> = []
  const keep = (name: string, value: unknown) => {
    if (!SECRET.has(name) || typeof value !== "string" || value.length < LEAST) return
    secrets.set(name, (secrets.get(name) ?? new Set()).add(value))
  }
  const keepAll = (text: string) => {
    for (const [name, value] of pairsOf(text)) keep(name, value)
  }
  const keepUrl = (url: URL) => {
    keepAll(url.search.slice(1))
    if (url.hash !== "") keep("code", url.hash.slice(1))
  }

  const fetch = globalThis.fetch
  const listening: typeof fetch = async (input, init) => {
    const asked = new URL(String(input))
    keepUrl(asked)
    if (typeof init?.body === "string" || init?.body instanceof URLSearchParams) keepAll(String(init.body))
    const answer = await fetch(input, init)
    const text = await answer.clone().text()
    const location = answer.headers.get("location")
    if (location !== null) keepUrl(new URL(location, asked))
    for (const cookie of answer.headers.getSetCookie()) {
      const [, value = ""] = /^[^=]+=([^;]*)/.exec(cookie) ?? []
      secrets.set("cookie", (secrets.get("cookie") ?? new Set()).add(value))
    }
    if (answer.headers.get("content-type")?.startsWith("application/json")) keepAll(text)
    for (const [, name = "", value = ""] of text.matchAll(/<input[^>]* name="([^"]+)" value="([^"]*)"/g)) {
      keep(name, value)
    }
    for (const [, code = ""] of text.matchAll(/\/(?:invitation|reset)#([\w-]+)/g)) keep("code", code)
    for (const [, code = ""] of text.matchAll(/<code>([0-9A-Z-]{29})<\/code>/g)) keep("codes", code)
    if (answer.status >= 400) {
      const headers = JSON.stringify([...answer.headers])
      refusals.push({ where: `${init?.method ?? "GET"} ${asked.pathname} ${answer.status}`, said: headers + text })
    }
    return answer
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      globalThis.fetch = listening
    }),
    () =>
      Effect.sync(() => {
        globalThis.fetch = fetch
      })
  )
  return {
    /** By the name that they went under; cookies as "cookie". */
    secrets,
    refusals
  }
})
