/**
 * As whom this server signs people in at a mount: the client that the owner typed in, else the document that we publish of ourselves
 * (client ID metadata), else one that is registered there (RFC 7591). Each mount has a redirect URI of its own, and whichever client it
 * is has that one alone: a code for one mount is never sent to another's token endpoint (RFC 9700 §4.4).
 */

import { isIP } from "node:net"
import { Effect, Option, Redacted, Schema } from "effect"
import { operation, type StoreUnavailable } from "../../database/query.ts"
import { isPublicAddress } from "../../net/specialUse.ts"
import type { Asking } from "./Asking.ts"
import type { HttpMount, ServerMetadata } from "./discovery.ts"
import { type Failed, SignInRefused, silent } from "./refusals.ts"
import { clientWords, openAs, type Sealing } from "./seal.ts"
import type { VaultRows } from "./vault.sql.ts"

export interface Client {
  readonly kind: "typed" | "document" | "registered"
  readonly id: string
  readonly secret: Redacted.Redacted | undefined
}

export const callbackOf = (baseUrl: string, mount: string) => `${baseUrl}/account/servers/${mount}/callback`
export const documentPath = (mount: string) => `/oauth/servers/${mount}` as const

/** Whether others can read a document of ours: an https name or address of the public web. */
export const isPublished = (baseUrl: string): boolean => {
  const { protocol, hostname } = new URL(baseUrl)
  const host = hostname.replace(/^\[|\]$/g, "")
  if (protocol !== "https:") return false
  return isIP(host) === 0
    ? /\.[a-z0-9-]*[a-z]$/i.test(host) && !/\.(local|localhost|internal)$/i.test(host)
    : isPublicAddress(host)
}

/** What this server says of itself as a client (RFC 7591 §2). */
const metadataOf = (baseUrl: string, mount: string) => ({
  client_name: "Gatehouse",
  client_uri: baseUrl,
  redirect_uris: [callbackOf(baseUrl, mount)],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"]
})

/** The document that stands at `documentPath`: a public client, since its secret would be public. */
export const documentOf = (baseUrl: string, mount: string) => ({
  client_id: `${baseUrl}${documentPath(mount)}`,
  ...metadataOf(baseUrl, mount),
  application_type: "web",
  token_endpoint_auth_method: "none"
})

const Text = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(4096))
const Registration = Schema.Struct({
  client_id: Text,
  client_secret: Schema.optionalKey(Text),
  client_secret_expires_at: Schema.optionalKey(Schema.Number)
})
const Registered = Schema.Struct({ id: Schema.String, secret: Schema.optionalKey(Schema.String) })

/** Absent is the way that RFC 6749 §2.3.1 asks every server to know. */
export const authenticationsOf = ({ token_endpoint_auth_methods_supported: known }: ServerMetadata) =>
  known ?? ["client_secret_basic"]

/** Without a secret where that is possible: the verifier proves what it would. */
const wayToRegister = (server: ServerMetadata) => {
  const known = authenticationsOf(server)
  return ["none", "client_secret_basic", "client_secret_post"].find((method) => known.includes(method)) ?? "none"
}

export interface Identifying {
  readonly baseUrl: string
  readonly asking: Asking["Service"]
  readonly rows: VaultRows
  readonly sealing: Sealing
}

export const makeIdentity = ({ baseUrl, asking, rows, sealing }: Identifying) => {
  const openRegistered = openAs(sealing, Registered)

  const refused = ({ title }: HttpMount, what: string) =>
    new SignInRefused({ explanation: `${title} cannot be connected: ${what}.` })

  const register = Effect.fn("vault.register")(function* (mount: HttpMount, server: ServerMetadata, at: string) {
    const method = wayToRegister(server)
    const answer = yield* asking
      .ask(at, mount.transport.mayBePrivate, {
        method: "POST",
        headers: { accept: "application/json", "content-type": "application/json" },
        body: JSON.stringify({
          ...metadataOf(baseUrl, mount.name),
          // OpenID Connect Registration §2: only a native client may come back to this machine without TLS.
          application_type: baseUrl.startsWith("https:") ? "web" : "native",
          token_endpoint_auth_method: method
        })
      })
      .pipe(Effect.mapError(() => silent(mount)))
    if (answer.status >= 500 || answer.status === 429) return yield* silent(mount)
    const told = Schema.decodeUnknownOption(Schema.fromJsonString(Registration))(answer.text)
    if ((answer.status !== 201 && answer.status !== 200) || Option.isNone(told)) {
      yield* Effect.logWarning("a mount's sign-in did not register this server", {
        mount: mount.name,
        status: answer.status
      })
      return yield* refused(mount, "it did not take this server as an app")
    }
    const { client_id, client_secret, client_secret_expires_at = 0 } = told.value
    const kept = { id: client_id, ...(client_secret !== undefined && { secret: client_secret }) }
    const sealed = sealing.seal(clientWords(mount.name, server.issuer), JSON.stringify(kept))
    const until = client_secret === undefined ? 0 : client_secret_expires_at
    yield* operation(rows.saveClient(mount.name, server.issuer, callbackOf(baseUrl, mount.name), sealed, until))
    return kept
  })

  /** Who this server is there; registered on the way, if it must. */
  const clientFor = Effect.fn("vault.clientFor")(function* (
    mount: HttpMount,
    server: ServerMetadata
  ): Effect.fn.Return<Client, Failed | StoreUnavailable> {
    const { clientId, clientSecret } = mount.signIn
    if (clientId !== undefined) return { kind: "typed", id: clientId, secret: clientSecret }
    if (server.client_id_metadata_document_supported === true && isPublished(baseUrl)) {
      return { kind: "document", id: `${baseUrl}${documentPath(mount.name)}`, secret: undefined }
    }
    const { registration_endpoint: at } = server
    if (at === undefined) {
      return yield* refused(
        mount,
        "its owner has to name an app there (a client id), since it registers none by itself"
      )
    }
    const sealed = yield* operation(rows.findClient(mount.name, server.issuer, callbackOf(baseUrl, mount.name)))
    const known = sealed && Option.getOrUndefined(openRegistered(clientWords(mount.name, server.issuer), sealed))
    const { id, secret } = known ?? (yield* register(mount, server, at))
    return { kind: "registered", id, secret: secret === undefined ? undefined : Redacted.make(secret) }
  })

  /** A registration that is no longer taken: the next sign-in makes another. Not one that was made meanwhile. */
  const forget = Effect.fn("vault.forgetClient")(function* (mount: HttpMount, issuer: string, id: string) {
    const sealed = yield* operation(rows.findClient(mount.name, issuer, callbackOf(baseUrl, mount.name)))
    if (sealed === undefined) return
    const known = Option.getOrUndefined(openRegistered(clientWords(mount.name, issuer), sealed))
    if (known === undefined || known.id === id) yield* operation(rows.forgetClient(mount.name, issuer, sealed))
  })

  return { clientFor, forget }
}
