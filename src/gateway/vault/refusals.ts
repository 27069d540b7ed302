/** Why nobody was signed in at a mount, for the person and for the log. Neither has a code, a token or an address in it. */

import { Schema } from "effect"
import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError
} from "openid-client"
import { UpstreamUnavailable } from "../failures.ts"
import type { Mount } from "../mount.ts"

/** The mount, or whoever signs people in for it, did not; or what was said did not hold. The explanation is for the person. */
export class SignInRefused extends Schema.TaggedError<SignInRefused>()("SignInRefused", {
  explanation: Schema.String,
  /** The error code of the other side, where it told one. */
  code: Schema.optionalKey(Schema.String)
}) {}

export type Failed = SignInRefused | UpstreamUnavailable

/** An error code as the RFCs have them, and nothing else that somebody may have put there. */
const codeOf = (error: string) => (/^[a-z_]{1,64}$/.test(error) ? error : "an unknown error")

export const silent = ({ title }: Pick<Mount, "title">) =>
  new UpstreamUnavailable({ message: `The sign-in of ${title} does not answer as it should. Try again later.` })

/** Of a server that is down, or is none: not those of an answer that was understood. */
const NO_ANSWER = [
  "OAUTH_TIMEOUT",
  "OAUTH_ABORT",
  "OAUTH_RESPONSE_IS_NOT_CONFORM",
  "OAUTH_RESPONSE_IS_NOT_JSON",
  "OAUTH_PARSE_ERROR"
]

/** What an error of the library means for the person. */
export const refusalOf = (mount: Pick<Mount, "title">, cause: unknown): Failed => {
  const { title } = mount
  if (cause instanceof AuthorizationResponseError) {
    if (/^(temporarily_unavailable|server_error)$/.test(cause.error)) return silent(mount)
    const why = cause.error === "access_denied" ? "access was denied there" : codeOf(cause.error)
    return new SignInRefused({ explanation: `${title} was not connected: ${why}.`, code: codeOf(cause.error) })
  }
  const isChallenge = cause instanceof WWWAuthenticateChallengeError
  if (isChallenge || (cause instanceof ResponseBodyError && /^(invalid|unauthorized)_client$/.test(cause.error))) {
    const explanation = `${title} does not accept this server as an app. Start again; if it stays so, its owner has to look.`
    return new SignInRefused({ explanation, code: "invalid_client" })
  }
  if (cause instanceof ResponseBodyError) {
    // RFC 6749 §5.2 has 400 for what is wrong with a request; a server that has trouble says so by its status.
    if (cause.status >= 500 || cause.status === 429) return silent(mount)
    const code = codeOf(cause.error)
    return new SignInRefused({ explanation: `${title} was not connected: ${code}. Start again.`, code })
  }
  if (cause instanceof ClientError && cause.code !== undefined && !NO_ANSWER.includes(cause.code)) {
    return new SignInRefused({
      explanation: `What the sign-in of ${title} answered does not hold, so it was not connected.`
    })
  }
  return silent(mount)
}

/** What the log says of it: our own words, or the library's, and never what was answered. */
export const whyOf = (cause: unknown): Readonly<Record<string, unknown>> => {
  if (cause instanceof AuthorizationResponseError || cause instanceof ResponseBodyError)
    return { error: codeOf(cause.error) }
  if (!(cause instanceof Error)) return {}
  const inner = cause.cause instanceof Error ? cause.cause : undefined
  return { error: inner?.message ?? cause.message, ...("code" in cause && { code: cause.code }) }
}
