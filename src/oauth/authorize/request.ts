/**
 * The authorization request (RFC 6749 §4.1.1, OAuth 2.1 §4.1.1): first whose it is and where its answer may go, then one
 * check after the other. Writes nothing.
 */

import { Effect, Option } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { ClientDocuments } from "../clients/ClientDocuments.ts"
import { ClientRegistry } from "../clients/ClientRegistry.ts"
import type { Client } from "../clients/client.ts"
import * as ClientDocument from "../clients/document.ts"
import * as RedirectUri from "../clients/redirectUri.ts"
import {
  type AuthorizationError,
  InvalidRequest,
  KeptFromClient,
  RequestNotSupported,
  RequestUriNotSupported,
  SentToClient,
  ShownToUser,
  UnauthorizedClient,
  UnsupportedResponseType
} from "../errors.ts"
import { TokenStore } from "../grants/TokenStore.ts"
import { SigningKeys } from "../openid/SigningKeys.ts"
import { type Collected, collect, type Parameters, requestedResource, required } from "../parameters.ts"
import * as Pkce from "../pkce.ts"
import * as Scope from "../scope.ts"
import { RefusedRedirects } from "./RefusedRedirects.ts"

/** A checked authorization request; its redirect URI is one of the client's. */
export interface AuthorizationRequest {
  readonly client: Client
  /** The day of the copy of the client's document that stood in for it, if one had to. */
  readonly snapshot: string | undefined
  readonly redirectUri: string
  readonly state: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly resource: string
  readonly codeChallenge: string
  readonly prompt: ReadonlyArray<string>
  /** Comes back in the ID token (OpenID Connect Core §3.1.2.1). */
  readonly nonce: string | undefined
  /** How long ago the person may have proved who they are, in seconds. */
  readonly maxAge: number | undefined
  /** What they may be about to type. */
  readonly loginHint: string | undefined
  /** Who it has to be, if an ID token of ours says so. */
  readonly hintedSubject: string | undefined
  /** As it was sent: whoever has to sign in first comes back with it. */
  readonly sent: Parameters
}

const MAX_STATE_BYTES = 4096
/** What else a sign-in carries along, in bytes: all of it has to fit into one request line. */
const MAX_CARRIED_BYTES = { nonce: 4096, login_hint: 512, id_token_hint: 4096 } as const
// Ten digits are three hundred years: more is no age.
const MAX_AGE = /^\d{1,10}$/

// --- Whose it is, and where its answer may go ----------------------------------------------------------------------
// "If the request fails due to a missing, invalid, or mismatching redirection URI, or if the client identifier is
// missing or invalid, the authorization server SHOULD inform the resource owner of the error and MUST NOT automatically
// redirect the user-agent to the invalid redirection URI" (RFC 6749 §4.1.2.1).

/** The client, by its registration or by its document. What the operator wrote of it goes before its own words. */
const findClient = Effect.fn("authorize.findClient")(function* (clientId: string) {
  const { registration } = yield* ServerConfig
  const registry = yield* ClientRegistry
  const registered = yield* registry.find(clientId)
  if (registered?.disabled) return yield* new ShownToUser({ reason: "client_unknown" })
  if (registered !== undefined && registered.origin !== "document") return { client: registered, snapshot: undefined }
  if (registration.documents && ClientDocument.isDocumentUrl(clientId)) {
    const documents = yield* ClientDocuments
    return (yield* documents.find(clientId)) ?? (yield* new ShownToUser({ reason: "document_unusable" }))
  }
  return yield* new ShownToUser({
    reason: (yield* registry.wasRemoved(clientId)) ? "client_removed" : "client_unknown"
  })
})

/** The client, if it exists and `redirectUri` is one of its own. Nothing may be redirected before this has passed. */
export const matchClient = Effect.fn("authorize.matchClient")(function* (
  clientId: string | undefined,
  redirectUri: string | undefined
) {
  if (clientId === undefined) return yield* new ShownToUser({ reason: "client_id_missing" })
  const { client, snapshot } = yield* findClient(clientId)
  if (redirectUri === undefined) return yield* new ShownToUser({ reason: "redirect_uri_missing" })
  if (!client.redirectUris.some((registered) => RedirectUri.matches(registered, redirectUri))) {
    yield* Effect.logWarning("redirect_uri is not registered").pipe(
      Effect.annotateLogs({ client_id: clientId, redirect_uri: redirectUri.slice(0, 512) })
    )
    yield* (yield* RefusedRedirects).note(clientId, redirectUri)
    return yield* new ShownToUser({ reason: "redirect_uri_unregistered" })
  }
  return { client, snapshot, redirectUri }
})

// --- What it asks for: from here on errors go back to the client ---------------------------------------------------

/** What is wrong with a request, if anything. */
type Check = (sent: Collected, client: Client) => AuthorizationError | false

const invalid = (description: string) => new InvalidRequest({ description })

const isTooLong = (state = "") => Buffer.byteLength(state) > MAX_STATE_BYTES

const promptOf = ({ parameters }: Collected) =>
  (parameters.get("prompt") ?? "").split(" ").filter((value) => value !== "")

const carriedTooLong = ({ parameters }: Collected) =>
  Object.entries(MAX_CARRIED_BYTES).find(([name, most]) => Buffer.byteLength(parameters.get(name) ?? "") > most)

/** In this order: the first that fails is the answer. */
const CHECKS: ReadonlyArray<Check> = [
  // "Request and response parameters MUST NOT be included more than once" (RFC 6749 §3.1).
  ({ repeated }) => repeated.size > 0 && invalid("a parameter is repeated"),

  // What Postgres cannot keep is no value of anything.
  ({ parameters }) => [...parameters.values()].some((value) => value.includes("\0")) && invalid("a value holds a NUL"),

  // State comes back as it was sent (RFC 6749 §4.1.2), so how much of it we carry has to end somewhere.
  ({ parameters }) => isTooLong(parameters.get("state")) && invalid("state is longer than 4096 bytes"),

  // "Should an OP not support this parameter and an RP uses it, the OP MUST return the request_not_supported error"
  // (OpenID Connect Core §6.1, and §6.2 for request_uri).
  ({ parameters }) => parameters.has("request") && new RequestNotSupported({ description: "request is not supported" }),
  ({ parameters }) =>
    parameters.has("request_uri") && new RequestUriNotSupported({ description: "request_uri is not supported" }),

  // "If an authorization request is missing the response_type parameter, or if the response type is not understood, the
  // authorization server MUST return an error response" (RFC 6749 §3.1.1).
  ({ parameters }) => !parameters.has("response_type") && invalid("response_type is missing"),
  ({ parameters }) =>
    parameters.get("response_type") !== "code" &&
    new UnsupportedResponseType({ description: "response_type is not code" }),

  // The answer to a code request goes into the query (OAuth 2.0 Multiple Response Type Encoding Practices §2.1).
  ({ parameters }) => (parameters.get("response_mode") ?? "query") !== "query" && invalid("response_mode is not query"),

  // "The client is not authorized to request an authorization code using this method" (RFC 6749 §4.1.2.1).
  (_, client) =>
    !client.grantTypes.includes("authorization_code") &&
    new UnauthorizedClient({ description: "this client is not registered for authorization_code" }),

  // "Clients MUST use code_challenge and code_verifier and authorization servers MUST enforce their use" (OAuth 2.1
  // §7.5). A missing method would mean plain (RFC 7636 §4.3), so it is as wrong as any other.
  ({ parameters }) => !parameters.has("code_challenge") && invalid("code_challenge is missing"),
  ({ parameters }) =>
    parameters.get("code_challenge_method") !== Pkce.METHOD && invalid("code_challenge_method is not S256"),
  ({ parameters }) =>
    !Pkce.isChallenge(parameters.get("code_challenge") ?? "") &&
    invalid("code_challenge is not 43 base64url characters"),

  // "If this parameter contains none with any other value, an error is returned" (OpenID Connect Core §3.1.2.1).
  (sent) => promptOf(sent).includes("none") && promptOf(sent).length > 1 && invalid("prompt none stands alone"),

  // "Maximum Authentication Age. Specifies the allowable elapsed time in seconds" (OpenID Connect Core §3.1.2.1). What is
  // no number would compare as false with every age, and so allow any.
  ({ parameters }) => !MAX_AGE.test(parameters.get("max_age") ?? "0") && invalid("max_age is not a number of seconds"),
  (sent) => {
    const found = carriedTooLong(sent)
    return found !== undefined && invalid(`${found[0]} is longer than ${found[1]} bytes`)
  }
]

/** Who an ID token of ours was about; one that is not ours says nothing. */
const hintedSubject = Effect.fnUntraced(function* (token: string | undefined) {
  if (token === undefined) return undefined
  const keys = yield* SigningKeys
  return Option.getOrUndefined(yield* keys.read(token))?.sub
})

const checkRequest = Effect.fn("authorize.checkRequest")(function* (
  { client, snapshot, redirectUri }: Effect.Success<ReturnType<typeof matchClient>>,
  sent: Collected
) {
  for (const check of CHECKS) {
    const error = check(sent, client)
    if (error !== false) return yield* error
  }
  const { parameters } = sent
  const catalogue = yield* Scope.ScopeCatalogue
  return {
    client,
    snapshot,
    redirectUri,
    state: parameters.get("state"),
    // "If the issued access token scope is different from the one requested by the client, the authorization server MUST
    // include the scope response parameter" (RFC 6749 §3.3): it always does.
    scopes: yield* Scope.requested(catalogue.current(), parameters.get("scope"), parameters.has("resource")),
    // RFC 8707 §2: invalid_target for a resource that is not ours.
    resource: yield* requestedResource(parameters),
    codeChallenge: yield* required(parameters, "code_challenge"),
    prompt: promptOf(sent),
    nonce: parameters.get("nonce"),
    maxAge: parameters.has("max_age") ? Number(parameters.get("max_age")) : undefined,
    loginHint: parameters.get("login_hint"),
    hintedSubject: yield* hintedSubject(parameters.get("id_token_hint")),
    sent: parameters
  } satisfies AuthorizationRequest
})

/** RFC 6749 §4.1.2.1: state comes back only when exactly one, of decent size, was sent. */
const echoable = ({ parameters, repeated }: Collected) => {
  const state = parameters.get("state")
  return repeated.has("state") || isTooLong(state) ? undefined : state
}

/**
 * Sends an error back to the client; to one that registered itself, or describes itself, only once a person has let it in
 * at this address. Anybody can make up such a client, and its errors would lead people from here to wherever it likes
 * without any of them having done a thing (RFC 9700 §4.11.2).
 */
export const sendBack = Effect.fn("authorize.sendBack")(function* (
  { client, redirectUri, state }: Pick<AuthorizationRequest, "client" | "redirectUri" | "state">,
  error: AuthorizationError
) {
  const store = yield* TokenStore
  const isVouchedFor = client.origin === "configured" || (yield* store.hasSession(client.clientId, redirectUri))
  return yield* isVouchedFor ? new SentToClient({ redirectUri, state, error }) : new KeptFromClient({ error })
})

/** Checks an authorization request from the pairs of its query or form. */
export const validate = Effect.fn("authorize.validate")(function* (pairs: Iterable<readonly [string, string]>) {
  const sent = collect(pairs)
  const once = (name: string) => (sent.repeated.has(name) ? undefined : sent.parameters.get(name))
  const matched = yield* matchClient(once("client_id"), once("redirect_uri"))
  return yield* checkRequest(matched, sent).pipe(
    Effect.catch((error: AuthorizationError) => sendBack({ ...matched, state: echoable(sent) }, error))
  )
})
