/** The answer to an authorization request: a code, or that it was denied (RFC 6749 §4.1.2, RFC 9207). */

import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { ClientRegistry } from "../clients/ClientRegistry.ts"
import * as RedirectUri from "../clients/redirectUri.ts"
import { AccessDenied, SentToClient, ShownToUser } from "../errors.ts"
import { TokenStore } from "../grants/TokenStore.ts"
import * as OpaqueToken from "../tokens/opaqueToken.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import type { Decision, PendingRequest } from "./Interaction.ts"
import { matchClient } from "./request.ts"

type Matched = Effect.Success<ReturnType<typeof matchClient>>

const issueCode = Effect.fn("authorize.issueCode")(function* (
  { client, snapshot }: Matched,
  { form, clientId, redirectUri, state, resource, codeChallenge, nonce }: PendingRequest,
  consent: NonNullable<Decision["consent"]>
) {
  const { issuer } = yield* ServerConfig
  const keys = yield* ServerKeys
  const store = yield* TokenStore
  const code = OpaqueToken.mint("code", keys.signing(), form.id, 0)
  const { subject, authTime, scopes } = consent
  const bound = { ...code, clientId, redirectUri, resource, codeChallenge, nonce, subject, authTime, scopes }
  // From here on the client is known by what a person consented to, whatever becomes of its document.
  const registry = yield* ClientRegistry
  const remembered = client.origin === "document" ? registry.remember(client, snapshot) : Effect.void
  const issued = yield* store.issueCode(form, bound, Effect.andThen(remembered, consent.along))
  if (issued === undefined) return yield* new ShownToUser({ reason: "form_answered" })
  return RedirectUri.withParameters(redirectUri, { code: Redacted.value(issued), state, iss: issuer })
})

const deny = Effect.fn("authorize.deny")(function* ({ form, redirectUri, state }: PendingRequest) {
  const store = yield* TokenStore
  if (!(yield* store.denyForm(form))) return yield* new ShownToUser({ reason: "form_answered" })
  const error = new AccessDenied({ description: "the request was denied" })
  return yield* new SentToClient({ redirectUri, state, error })
})

/**
 * Carries a decision out, once: the location to send the browser to. The same decision again leads to the same place,
 * since browsers send a form twice when its button is clicked twice, and follow the last answer alone.
 */
export const conclude = Effect.fn("authorize.conclude")(function* ({ request, consent }: Decision) {
  // The registration may have changed while the person was reading.
  const matched = yield* matchClient(request.clientId, request.redirectUri)
  return yield* consent === undefined ? deny(request) : issueCode(matched, request, consent)
})
