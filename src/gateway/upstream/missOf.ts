/** What a rejection of the SDK's client means. Loaded with the client, by the first session. */

import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from "@modelcontextprotocol/client"
import { AnswerTooLarge, NotEncrypted } from "../../net/guardedFetch.ts"
import { SpecialAddress } from "../../net/PublicWeb.ts"
import {
  SignInNeeded,
  type UpstreamFailed,
  UpstreamRefused,
  UpstreamTooSlow,
  UpstreamUnavailable
} from "../failures.ts"
import type { Mount } from "../mount.ts"
import { cleanLine } from "./blot.ts"
import { type Miss, tooSlow, unavailable } from "./miss.ts"

const MAX_WORDS = 500

/** What the http transport says in an upstream's name when an answer's stream ended without it. */
export const LOST = "gatehouse: the answer was lost"

const isFailed = (error: unknown): error is UpstreamFailed =>
  error instanceof UpstreamUnavailable ||
  error instanceof UpstreamTooSlow ||
  error instanceof UpstreamRefused ||
  error instanceof SignInNeeded

/** The failure of ours that a library wrapped. */
const ours = (error: unknown, depth = 0): UpstreamFailed | undefined =>
  isFailed(error) ? error : error instanceof Error && depth < 5 ? ours(error.cause, depth + 1) : undefined

const codeOf = (error: unknown, depth = 0): string | undefined => {
  if (!(error instanceof Error) || depth >= 5) return undefined
  return "code" in error && typeof error.code === "string" && /^(E[A-Z_]+|UND_ERR_\w+)$/.test(error.code)
    ? error.code
    : codeOf(error.cause, depth + 1)
}

const isCausedBy = (error: unknown, kind: abstract new (...args: never) => Error, depth = 0): boolean => {
  if (!(error instanceof Error) || depth >= 5) return false
  const { cause } = error
  return error instanceof kind || isCausedBy(cause, kind, depth + 1)
}

/** Where a connection was never made, nothing was handed over. */
const UNSENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT"
])

const AGAIN = "Try again later."

const ofHttp = (mount: Mount, { status, data }: SdkHttpError): Miss => {
  const text = typeof data.text === "string" ? data.text : ""
  // Some answer 400 to a session that they do not know (the specification says 404). Neither has run anything.
  if (status === 404 || (status === 400 && /session/i.test(text))) {
    return { kind: "gone", failure: unavailable(mount, `does not know its session any more. ${AGAIN}`) }
  }
  if (status === 401 && mount.auth === "oauth")
    return { kind: "unasked", failure: new SignInNeeded({ mount: mount.name }) }
  if (status === 401 || status === 403) {
    return {
      kind: "answered",
      failure: unavailable(mount, `refused this server (${status}): its owner should check what is configured for it.`)
    }
  }
  if (status === 429) return { kind: "answered", failure: unavailable(mount, `is limiting requests. ${AGAIN}`) }
  // What this server answers to its own mark.
  if (status === 508)
    return { kind: "answered", failure: unavailable(mount, "is this server itself, mounted behind itself.") }
  if (status >= 300 && status < 400) {
    return {
      kind: "answered",
      failure: unavailable(mount, "answered with a redirect to elsewhere, which is not followed.")
    }
  }
  // A request may bring a server to 500; what stands before it says the others when it is down.
  const kind = status >= 502 && status <= 504 ? "lost" : "answered"
  return { kind, failure: unavailable(mount, `has a problem of its own (${status}). ${AGAIN}`) }
}

/** `why` is what is known of a session that is over. */
export const missOf = (mount: Mount, blot: (text: string) => string, error: unknown, why?: string): Miss => {
  const own = ours(error)
  if (own !== undefined) return { kind: "unasked", failure: own }
  if (isCausedBy(error, AnswerTooLarge)) {
    return { kind: "answered", failure: unavailable(mount, "gave an answer that is too large.") }
  }
  if (isCausedBy(error, SpecialAddress) || isCausedBy(error, NotEncrypted)) {
    return {
      kind: "unasked",
      failure: unavailable(mount, "has an address that may not be asked: its owner should look at it.")
    }
  }
  if (error instanceof ProtocolError) {
    if (error.message.includes(LOST)) {
      return { kind: "lost", failure: unavailable(mount, `broke off its answer. ${AGAIN}`) }
    }
    const words = cleanLine(blot(error.message), MAX_WORDS)
    return { kind: "answered", failure: new UpstreamRefused({ code: error.code, message: `${mount.title}: ${words}` }) }
  }
  if (error instanceof SdkHttpError) return ofHttp(mount, error)
  if (error instanceof SdkError) {
    switch (error.code) {
      case SdkErrorCode.RequestTimeout:
        return { kind: "slow", failure: tooSlow(mount) }
      case SdkErrorCode.ConnectionClosed:
        return { kind: "lost", failure: unavailable(mount, `${why ?? "ended"} before it answered. ${AGAIN}`) }
      case SdkErrorCode.NotConnected:
        return { kind: "unsent", failure: unavailable(mount, `${why ?? "ended"}. ${AGAIN}`) }
      case SdkErrorCode.MethodNotSupportedByProtocolVersion:
        return {
          kind: "answered",
          failure: new UpstreamRefused({
            code: -32601,
            message: `${mount.title} speaks a revision of MCP that does not have this.`
          })
        }
      case SdkErrorCode.InvalidResult:
      case SdkErrorCode.UnsupportedResultType:
      case SdkErrorCode.ClientHttpUnexpectedContent:
        return { kind: "answered", failure: unavailable(mount, "gave an answer that was not understood.") }
    }
  }
  const code = codeOf(error)
  if (code !== undefined && UNSENT.has(code)) {
    return { kind: "unsent", failure: unavailable(mount, `could not be reached. ${AGAIN}`) }
  }
  if (error instanceof Error && error.message === "Not connected") {
    return { kind: "unsent", failure: unavailable(mount, `${why ?? "ended"}. ${AGAIN}`) }
  }
  return { kind: "lost", failure: unavailable(mount, `could not be talked to. ${AGAIN}`) }
}
