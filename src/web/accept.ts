/** What a client accepts (RFC 9110 §12.5.1): media ranges in any case, with or without a weight; no header accepts all. */

import type { HttpServerRequest } from "effect/http"

/** What `/mcp` can answer with. */
export interface Accepted {
  readonly json: boolean
  readonly stream: boolean
}

const BOTH: Accepted = { json: true, stream: true }
/** What MCP clients send as a rule, word for word: it needs no reading. */
const USUAL = "application/json, text/event-stream"

const JSON_RANGES = ["application/json", "application/*", "*/*"]
const STREAM_RANGES = ["text/event-stream", "text/*", "*/*"]

/** The weight of every range; the parameters of a type do not tell it from another here. */
const weightsOf = (accept: string): ReadonlyMap<string, number> =>
  new Map(
    accept
      .toLowerCase()
      .split(",")
      .map((item) => {
        const [range = "", ...parameters] = item.split(";").map((part) => part.trim())
        const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))
        // Java's HttpURLConnection writes the range of all types as a star alone.
        return [range === "*" ? "*/*" : range, weight === undefined ? 1 : Number(weight.replace(/^q\s*=\s*/, ""))]
      })
  )

/** Which of the two a client takes. The range that says most has the word; a weight of 0 says no. */
export const acceptedBy = (accept: string | undefined): Accepted => {
  if (accept === USUAL || accept === undefined || accept.trim() === "") return BOTH
  const weights = weightsOf(accept)
  const takes = (ranges: ReadonlyArray<string>) => {
    const range = ranges.find((range) => weights.has(range))
    return range !== undefined && weights.get(range) !== 0
  }
  return { json: takes(JSON_RANGES), stream: takes(STREAM_RANGES) }
}

/**
 * Whether a person waits for a page in the browser. Programs rarely ask for HTML, and never say that they navigate (Fetch
 * Metadata); a browser says it wherever it trusts the address, so nothing else is believed of a posted form.
 */
export const isNavigation = ({ method, headers }: HttpServerRequest.HttpServerRequest): boolean => {
  const mode = headers["sec-fetch-mode"] ?? (method === "GET" || method === "HEAD" ? "navigate" : undefined)
  return mode === "navigate" && (weightsOf(headers.accept ?? "").get("text/html") ?? 0) > 0
}
