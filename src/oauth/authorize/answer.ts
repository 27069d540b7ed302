/** The answer to an authorization request: a code, or that it was denied (RFC 6749 §4.1.2, RFC 9207). */

import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { ClientRegistry } from "../clients/ClientRegistry.ts"
import type { Client } from "../clients/client.ts"
import * as RedirectUri from "../clients/redirectUri.ts"
import { AccessDenied, SentToClient, ShownToUser } from "../errors.ts"
import { TokenStore } from "../grants/TokenStore.ts"
import * as OpaqueToken from "../tokens/opaqueToken.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import type { Decision, PendingRequest } from "./Interaction.ts"
import { matchClient } from "./request.ts"

const issueCode = Effect.fn("authorize.issueCode")(function* (
  client: Client,
  { form, clientId, redirectUri, state, resource, codeChallenge }: PendingRequest,
  consent: NonNullable<Decision["consent"]>
) {
  const { issuer } = yield* ServerConfig
  const keys = yield* ServerKeys
  const store = yield* TokenStore
  const code = OpaqueToken.mint("code", keys.signing(), form.id, 0)
  // From here on the client is known by what a person consented to, whatever becomes of its document.
  if (client.origin === "document") yield* (yield* ClientRegistry).save(client)
  const bound = { hash: code.hash, clientId, redirectUri, resource, codeChallenge, ...consent }
  if (!(yield* store.issueCode(form, bound))) return yield* new ShownToUser({ reason: "form_answered" })
  return RedirectUri.withParameters(redirectUri, { code: Redacted.value(code.secret), state, iss: issuer })
})

const deny = Effect.fn("authorize.deny")(function* ({ form, redirectUri, state }: PendingRequest) {
  const store = yield* TokenStore
  if (!(yield* store.closeForm(form))) return yield* new ShownToUser({ reason: "form_answered" })
  const error = new AccessDenied({ description: "the request was denied" })
  return yield* new SentToClient({ redirectUri, state, error })
})

/** Carries a decision out, once: the location to send the browser to. */
export const conclude = Effect.fn("authorize.conclude")(function* ({ request, consent }: Decision) {
  // The registration may have changed while the person was reading.
  const { client } = yield* matchClient(request.clientId, request.redirectUri)
  return yield* consent === undefined ? deny(request) : issueCode(client, request, consent)
})
