/** Why nobody was signed in, for the person and for the log. Neither has a code or a token in it. */

import { Schema } from "effect"
import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError
} from "openid-client"

/** The provider did not sign anybody in, or what it said did not hold. The explanation is for the person. */
export class UpstreamRefused extends Schema.TaggedError<UpstreamRefused>()("UpstreamRefused", {
  explanation: Schema.String
}) {}

/** The provider gave no usable answer. Other ways in are not concerned. */
export class UpstreamUnavailable extends Schema.TaggedError<UpstreamUnavailable>()("UpstreamUnavailable", {
  label: Schema.String
}) {}

/** Of a provider that is down, or is none: not those of an answer that was understood. */
const NO_ANSWER = [
  "OAUTH_TIMEOUT",
  "OAUTH_ABORT",
  "OAUTH_RESPONSE_IS_NOT_CONFORM",
  "OAUTH_RESPONSE_IS_NOT_JSON",
  "OAUTH_PARSE_ERROR"
]

/** An error code as the RFCs have them, and nothing else that somebody may have put there. */
const codeOf = (error: string) => (/^[a-z_]{1,64}$/.test(error) ? error : "an unknown error")

const settings = (label: string) =>
  new UpstreamRefused({
    explanation: `${label} does not accept this server: its owner should check the client id and the secret.`
  })

/** What an error of the library means for the person. */
export const refusalOf = (label: string, cause: unknown): UpstreamRefused | UpstreamUnavailable => {
  if (cause instanceof AuthorizationResponseError) {
    if (/^(temporarily_unavailable|server_error)$/.test(cause.error)) return new UpstreamUnavailable({ label })
    const why = cause.error === "access_denied" ? "access was denied there" : codeOf(cause.error)
    return new UpstreamRefused({ explanation: `${label} did not sign you in: ${why}.` })
  }
  if (cause instanceof WWWAuthenticateChallengeError) return settings(label)
  if (cause instanceof ResponseBodyError) {
    if (cause.status >= 500) return new UpstreamUnavailable({ label })
    if (/^(invalid|unauthorized)_client$/.test(cause.error)) return settings(label)
    return new UpstreamRefused({ explanation: `${label} did not sign you in: ${codeOf(cause.error)}. Start again.` })
  }
  if (cause instanceof ClientError && cause.code !== undefined && !NO_ANSWER.includes(cause.code)) {
    return new UpstreamRefused({ explanation: `What ${label} answered does not hold, so nobody was signed in.` })
  }
  return new UpstreamUnavailable({ label })
}

const Comparison = Schema.Struct({
  claim: Schema.String,
  expected: Schema.Unknown,
  claims: Schema.Record(Schema.String, Schema.Unknown)
})
const isComparison = Schema.is(Comparison)

/** What the log says of it. A mismatch of issuers is told in full: mostly it is a slash too much, or too little. */
export const whyOf = (cause: unknown): Readonly<Record<string, unknown>> => {
  if (cause instanceof AuthorizationResponseError || cause instanceof ResponseBodyError) {
    return { error: codeOf(cause.error) }
  }
  if (!(cause instanceof Error)) return {}
  const code = "code" in cause ? { code: cause.code } : {}
  const inner = cause.cause instanceof Error ? cause.cause : undefined
  const compared = isComparison(inner?.cause) ? inner.cause : undefined
  const issuers = compared?.claim === "iss" ? { expected: compared.expected, received: compared.claims.iss } : {}
  return { error: inner?.message ?? cause.message, ...code, ...(compared && { claim: compared.claim }), ...issuers }
}
