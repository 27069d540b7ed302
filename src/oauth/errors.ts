/**
 * What can go wrong in the protocol: one class per error code, the tag is the code on the wire.
 *
 * `description` is what the client may read: a fixed sentence in the character set of RFC 6749 §5.2, never a cause.
 * Causes belong in the log.
 */

import { Schema } from "effect"

const fields = { description: Schema.String }

/** RFC 6749 §5.2 and §4.1.2.1. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("invalid_request", fields) {}
/** RFC 6749 §5.2. `basic` asks for the `WWW-Authenticate: Basic` challenge that a failed Basic attempt must get. */
export class InvalidClient extends Schema.TaggedError<InvalidClient>()("invalid_client", {
  ...fields,
  basic: Schema.Boolean
}) {}
/** RFC 6749 §5.2. */
export class InvalidGrant extends Schema.TaggedError<InvalidGrant>()("invalid_grant", fields) {}
/** RFC 6749 §5.2. */
export class UnauthorizedClient extends Schema.TaggedError<UnauthorizedClient>()("unauthorized_client", fields) {}
/** RFC 6749 §5.2. */
export class UnsupportedGrantType extends Schema.TaggedError<UnsupportedGrantType>()(
  "unsupported_grant_type",
  fields
) {}
/** RFC 6749 §3.3. */
export class InvalidScope extends Schema.TaggedError<InvalidScope>()("invalid_scope", fields) {}
/** RFC 8707 §2. */
export class InvalidTarget extends Schema.TaggedError<InvalidTarget>()("invalid_target", fields) {}
/** RFC 6749 §4.1.2.1. */
export class UnsupportedResponseType extends Schema.TaggedError<UnsupportedResponseType>()(
  "unsupported_response_type",
  fields
) {}
/** RFC 6749 §4.1.2.1. */
export class AccessDenied extends Schema.TaggedError<AccessDenied>()("access_denied", fields) {}
/** OpenID Connect Core §3.1.2.6. */
export class ConsentRequired extends Schema.TaggedError<ConsentRequired>()("consent_required", fields) {}
/** OpenID Connect Core §3.1.2.6. */
export class LoginRequired extends Schema.TaggedError<LoginRequired>()("login_required", fields) {}
/** OpenID Connect Core §3.1.2.6. */
export class RequestNotSupported extends Schema.TaggedError<RequestNotSupported>()("request_not_supported", fields) {}
/** OpenID Connect Core §3.1.2.6. */
export class RequestUriNotSupported extends Schema.TaggedError<RequestUriNotSupported>()(
  "request_uri_not_supported",
  fields
) {}
/** RFC 7591 §3.2.2. */
export class InvalidRedirectUri extends Schema.TaggedError<InvalidRedirectUri>()("invalid_redirect_uri", fields) {}
/** RFC 7591 §3.2.2. */
export class InvalidClientMetadata extends Schema.TaggedError<InvalidClientMetadata>()(
  "invalid_client_metadata",
  fields
) {}
/**
 * RFC 6749 §4.1.2.1 lends the code: what the answer depends on could not be had, so what was sent may be perfectly good.
 * Always 503, as for the database.
 */
export class TemporarilyUnavailable extends Schema.TaggedError<TemporarilyUnavailable>()(
  "temporarily_unavailable",
  fields
) {}
/** Too many requests. RFC 8628 §3.5 lends the code: clients drop their tokens on `invalid_*`, never on this. */
export class SlowDown extends Schema.TaggedError<SlowDown>()("slow_down", {
  ...fields,
  retryAfterSeconds: Schema.Number
}) {}

/** What the token and revocation endpoints may answer. */
export type TokenError =
  | InvalidRequest
  | InvalidClient
  | InvalidGrant
  | UnauthorizedClient
  | UnsupportedGrantType
  | InvalidScope
  | InvalidTarget
  | TemporarilyUnavailable
  | SlowDown

/** What the registration endpoint may answer (RFC 7591 §3.2.2, RFC 7592 §2). */
export type RegistrationError = InvalidRedirectUri | InvalidClientMetadata | InvalidToken | SlowDown

/** What the authorization endpoint may send back to a client. */
export type AuthorizationError =
  | InvalidRequest
  | UnauthorizedClient
  | UnsupportedResponseType
  | InvalidScope
  | InvalidTarget
  | AccessDenied
  | ConsentRequired
  | LoginRequired
  | RequestNotSupported
  | RequestUriNotSupported

/** RFC 6750 §3.1: no bearer token was presented; the challenge then names no error. */
export class MissingToken extends Schema.TaggedError<MissingToken>()("missing_token", {}) {}
/** RFC 6750 §3.1. */
export class InvalidToken extends Schema.TaggedError<InvalidToken>()("invalid_token", fields) {}
/** RFC 6750 §3.1. `scope` is everything to ask for: what was granted and what the operation needs. */
export class InsufficientScope extends Schema.TaggedError<InsufficientScope>()("insufficient_scope", {
  ...fields,
  scope: Schema.String,
  /** What the operation needs and was not granted: for people and models, who cannot tell it from `scope`. */
  missing: Schema.String
}) {}

/** What `/mcp` answers to a caller whom it does not let in. */
export type BearerError = MissingToken | InvalidToken | InsufficientScope

/** Why an authorization request, or a person's answer to one, ends on a page of ours. */
export const RefusalReason = Schema.Literals([
  "client_id_missing",
  "client_unknown",
  "client_removed",
  "document_unusable",
  "redirect_uri_missing",
  "redirect_uri_unregistered",
  "form_foreign",
  "form_expired",
  "form_answered",
  "signed_out"
])
export type RefusalReason = typeof RefusalReason.Type

/**
 * An authorization request that failed before its redirect URI was matched, so it must be shown to the person and
 * sent nowhere (RFC 6749 §4.1.2.1).
 */
export class ShownToUser extends Schema.TaggedError<ShownToUser>()("ShownToUser", { reason: RefusalReason }) {}

const Told = Schema.Struct({ _tag: Schema.String, description: Schema.String })

/** An authorization request that failed after its redirect URI was matched: only this one holds a URI to go to. */
export class SentToClient extends Schema.TaggedError<SentToClient>()("SentToClient", {
  redirectUri: Schema.String,
  state: Schema.UndefinedOr(Schema.String),
  error: Told
}) {}

/** What would be sent to the client if anybody had vouched for it, and is shown to the person instead. */
export class KeptFromClient extends Schema.TaggedError<KeptFromClient>()("KeptFromClient", { error: Told }) {}
