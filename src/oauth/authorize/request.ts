/** The authorization endpoint: check a request, approve it, deny it (RFC 6749 §4.1, RFC 9207, OAuth 2.1 §4.1). */

import { Clock, Effect, Redacted } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { ClientDocuments } from "../clients/ClientDocuments.ts"
import { ClientRegistry } from "../clients/ClientRegistry.ts"
import type { AuthorizationRequest, Client } from "../clients/client.ts"
import * as ClientDocument from "../clients/document.ts"
import * as RedirectUri from "../clients/redirectUri.ts"
import {
  AccessDenied,
  type AuthorizationError,
  ConsentRequired,
  InvalidRequest,
  RequestNotSupported,
  RequestUriNotSupported,
  SentToClient,
  ShownToUser,
  UnauthorizedClient,
  UnsupportedResponseType
} from "../errors.ts"
import { TokenStore } from "../grants/TokenStore.ts"
import { collect, required } from "../parameters.ts"
import * as Pkce from "../pkce.ts"
import { ScopeCatalogue } from "../ScopeCatalogue.ts"
import * as Scope from "../scope.ts"
import * as Target from "../target.ts"
import * as OpaqueToken from "../tokens/opaqueToken.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import * as ConsentForm from "./consentForm.ts"

const MAX_STATE_BYTES = 4096

/** Until people sign in, everyone who consents is this one person. */
export const DEMO_SUBJECT = "demo"

// --- before the redirect URI is matched: errors are shown, never sent ----------------------------------------------

const unknownApp = new ShownToUser({
  status: 400,
  title: "Unknown app",
  explanation:
    "No app is registered here under the client_id of this request. If the app was connected before, remove the " +
    "connection in the app and add it again."
})
const removedApp = new ShownToUser({
  status: 400,
  title: "No longer registered",
  explanation:
    "This app was registered here once, but was not used for a long time or removed itself. Remove the connection in " +
    "the app and add it again: it will register anew."
})
/** One page for every reason, so that nobody explores a network through us (the reason is in the log). */
const unusableDocument = new ShownToUser({
  status: 400,
  title: "App not recognised",
  explanation:
    "The app describes itself at the address in its client_id, and that description cannot be fetched or is not valid. " +
    "Try again in a minute; if it goes on, tell the makers of the app."
})

const refuse = (title: string, explanation: string) => new ShownToUser({ status: 400, title, explanation })

/** The client, by its registration or by its document. What the operator wrote of it goes before its own words. */
const findClient = Effect.fn("authorize.findClient")(function* (clientId: string) {
  const { registration } = yield* ServerConfig
  const registry = yield* ClientRegistry
  const registered = yield* registry.find(clientId)
  if (registered?.disabled) return yield* unknownApp
  if (registered !== undefined && registered.origin !== "document") return { client: registered, snapshot: undefined }
  if (registration.documents && ClientDocument.isDocumentUrl(clientId)) {
    const documents = yield* ClientDocuments
    return (yield* documents.find(clientId)) ?? (yield* unusableDocument)
  }
  return yield* (yield* registry.wasRemoved(clientId)) ? removedApp : unknownApp
})

/** The client, if it exists and `redirectUri` is one of its own. Nothing may be redirected before this has passed. */
const matchClient = Effect.fn("authorize.matchClient")(function* (
  clientId: string | undefined,
  redirectUri: string | undefined
) {
  if (clientId === undefined) {
    return yield* refuse(
      "Which app?",
      "The request does not say which app is asking: client_id is missing or repeated."
    )
  }
  const { client, snapshot } = yield* findClient(clientId)
  if (redirectUri === undefined) {
    return yield* refuse("Where to?", "The request does not say where to return: redirect_uri is missing or repeated.")
  }
  if (!client.redirectUris.some((registered) => RedirectUri.matches(registered, redirectUri))) {
    yield* Effect.logWarning("redirect_uri is not registered").pipe(
      Effect.annotateLogs({ client_id: clientId, redirect_uri: redirectUri.slice(0, 512) })
    )
    return yield* refuse(
      "Address not registered",
      "The app asked to be answered at an address that is not registered for it, so nothing was sent there."
    )
  }
  return { client, snapshot, redirectUri }
})

// --- after it is matched: errors go back to the client -------------------------------------------------------------

type Matched = Effect.Success<ReturnType<typeof matchClient>>

const checkRequest = Effect.fn("authorize.checkRequest")(function* (
  { client, snapshot, redirectUri }: Matched,
  { parameters, repeated }: ReturnType<typeof collect>
) {
  const state = parameters.get("state")
  if (repeated.size > 0) return yield* new InvalidRequest({ description: "a parameter is repeated" })
  if (Buffer.byteLength(state ?? "") > MAX_STATE_BYTES) {
    return yield* new InvalidRequest({ description: "state is longer than 4096 bytes" })
  }
  if (parameters.has("request")) return yield* new RequestNotSupported({ description: "request is not supported" })
  if (parameters.has("request_uri")) {
    return yield* new RequestUriNotSupported({ description: "request_uri is not supported" })
  }
  if ((yield* required(parameters, "response_type")) !== "code") {
    return yield* new UnsupportedResponseType({ description: "response_type is not code" })
  }
  if ((parameters.get("response_mode") ?? "query") !== "query") {
    return yield* new InvalidRequest({ description: "response_mode is not query" })
  }
  if (!client.grantTypes.includes("authorization_code")) {
    return yield* new UnauthorizedClient({ description: "this client is not registered for authorization_code" })
  }
  // A missing method would mean plain (RFC 7636 §4.3), so it is as wrong as any other (OAuth 2.1 §7.5).
  const codeChallenge = yield* required(parameters, "code_challenge")
  if (parameters.get("code_challenge_method") !== Pkce.METHOD) {
    return yield* new InvalidRequest({ description: "code_challenge_method is not S256" })
  }
  if (!Pkce.isChallenge(codeChallenge)) {
    return yield* new InvalidRequest({ description: "code_challenge is not 43 base64url characters" })
  }
  const prompt = (parameters.get("prompt") ?? "").split(" ").filter((value) => value !== "")
  if (prompt.includes("none") && prompt.length > 1) {
    return yield* new InvalidRequest({ description: "prompt none stands alone" })
  }
  return {
    client,
    snapshot,
    redirectUri,
    state,
    scopes: yield* Scope.requested(yield* ScopeCatalogue, parameters.get("scope")),
    resource: yield* Target.canonical(parameters.get("resource")),
    codeChallenge,
    prompt
  } satisfies AuthorizationRequest
})

/** RFC 6749 §4.1.2.1: state comes back only when exactly one, of decent size, was sent. */
const echoable = ({ parameters, repeated }: ReturnType<typeof collect>) => {
  const state = parameters.get("state")
  return repeated.has("state") || Buffer.byteLength(state ?? "") > MAX_STATE_BYTES ? undefined : state
}

/** Checks an authorization request from the pairs of its query or form. Writes nothing. */
export const validate = Effect.fn("authorize.validate")(function* (pairs: Iterable<readonly [string, string]>) {
  const sent = collect(pairs)
  const once = (name: string) => (sent.repeated.has(name) ? undefined : sent.parameters.get(name))
  const matched = yield* matchClient(once("client_id"), once("redirect_uri"))
  const { redirectUri } = matched
  return yield* checkRequest(matched, sent).pipe(
    Effect.mapError((error: AuthorizationError) => new SentToClient({ redirectUri, state: echoable(sent), error }))
  )
})

// --- the answer ----------------------------------------------------------------------------------------------------

const alreadyAnswered = new ShownToUser({
  status: 410,
  title: "Already answered",
  explanation: "This request was answered before. Start again from the app if it is not connected."
})

const issueCode = Effect.fn("authorize.issueCode")(function* (client: Client, transaction: ConsentForm.Transaction) {
  const config = yield* ServerConfig
  const keys = yield* ServerKeys
  const store = yield* TokenStore
  const code = OpaqueToken.mint("code", keys.signing(), transaction.id, 0)
  // From here on the client is known by what a person consented to, whatever becomes of its document.
  if (client.origin === "document") yield* (yield* ClientRegistry).save(client)
  const closed = yield* store.closeForm(transaction.id, {
    hash: code.hash,
    clientId: transaction.client_id,
    subject: DEMO_SUBJECT,
    scopes: transaction.scopes,
    resource: transaction.resource,
    redirectUri: transaction.redirect_uri,
    codeChallenge: transaction.code_challenge
  })
  if (!closed) return yield* alreadyAnswered
  return RedirectUri.withParameters(transaction.redirect_uri, {
    code: Redacted.value(code.secret),
    state: transaction.state,
    iss: config.issuer
  })
})

/** The form to ask a person with; `prompt=none` forbids asking, and nobody can have consented before. */
export const askConsent = Effect.fn("authorize.askConsent")(function* (
  request: AuthorizationRequest,
  browserId: string
) {
  const keys = yield* ServerKeys
  if (request.prompt.includes("none")) {
    return yield* new SentToClient({
      redirectUri: request.redirectUri,
      state: request.state,
      error: new ConsentRequired({ description: "consent has to be asked for" })
    })
  }
  const transaction = ConsentForm.begin(request, keys.signing(), yield* Clock.currentTimeMillis)
  return ConsentForm.fieldsOf(transaction, keys.signing(), browserId)
})

/** AUTO_APPROVE: the location of the answer, without a form. */
export const approveAtOnce = Effect.fn("authorize.approveAtOnce")(function* (request: AuthorizationRequest) {
  const keys = yield* ServerKeys
  return yield* issueCode(request.client, ConsentForm.begin(request, keys.signing(), yield* Clock.currentTimeMillis))
})

/** A posted decision; the location to send the browser to. */
export const decide = Effect.fn("authorize.decide")(function* (form: {
  readonly transaction: string
  readonly csrfToken: string
  readonly browserId: string
  readonly approved: boolean
}) {
  const keys = yield* ServerKeys
  const read = ConsentForm.read(form, keys.byId)
  if (read._tag === "None") {
    return yield* new ShownToUser({
      status: 403,
      title: "Not your request",
      explanation: "This form was not opened in this browser. Start again from the app, with cookies allowed."
    })
  }
  const transaction = read.value
  if (transaction.expires_at < (yield* Clock.currentTimeMillis)) {
    return yield* new ShownToUser({
      status: 410,
      title: "Too late",
      explanation: "This form has expired. Start again from the app."
    })
  }
  // The registration may have changed while the person was reading.
  const { client } = yield* matchClient(transaction.client_id, transaction.redirect_uri)
  if (form.approved) return yield* issueCode(client, transaction)
  const store = yield* TokenStore
  if (!(yield* store.closeForm(transaction.id))) return yield* alreadyAnswered
  return yield* new SentToClient({
    redirectUri: transaction.redirect_uri,
    state: transaction.state,
    error: new AccessDenied({ description: "the request was denied" })
  })
})
