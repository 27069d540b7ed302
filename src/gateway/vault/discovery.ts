/**
 * Who signs people in for a mount: its protected resource metadata (RFC 9728), from the challenge or a well-known path, and the
 * metadata of the authorization server that stands there (RFC 8414, OpenID Connect Discovery). Each has to call itself what it was asked as.
 */

import { Effect, Option, Schema } from "effect"
import { METHOD } from "../../oauth/pkce.ts"
import { VIA } from "../../oauth/tokens/via.ts"
import { UpstreamUnavailable } from "../failures.ts"
import type { Http, Mount } from "../mount.ts"
import { type Asking, isUsable } from "./Asking.ts"
import { type Failed, SignInRefused, silent } from "./refusals.ts"

export type HttpMount = Mount & { readonly transport: Http }
export const isSignedInAt = (mount: Mount): mount is HttpMount =>
  mount.transport._tag === "Http" && mount.auth === "oauth" && !mount.disabled

/** Whom it is for, as far as that matters to who is asked and what is said of it. */
export interface Asker {
  readonly name: string
  readonly title: string
  readonly mayBePrivate: boolean
}
export const askerOf = ({ name, title, transport: { mayBePrivate } }: HttpMount): Asker => ({
  name,
  title,
  mayBePrivate
})

const Text = Schema.String.check(Schema.isMaxLength(2048))
const Texts = Schema.Array(Text)

const ResourceMetadata = Schema.Struct({
  resource: Text,
  authorization_servers: Schema.optionalKey(Texts),
  scopes_supported: Schema.optionalKey(Texts)
})

/** What is needed of an authorization server's metadata; the rest is kept for the library. */
const ServerMetadata = Schema.StructWithRest(
  Schema.Struct({
    issuer: Text,
    authorization_endpoint: Text,
    token_endpoint: Text,
    registration_endpoint: Schema.optionalKey(Text),
    revocation_endpoint: Schema.optionalKey(Text),
    scopes_supported: Schema.optionalKey(Texts),
    code_challenge_methods_supported: Schema.optionalKey(Texts),
    token_endpoint_auth_methods_supported: Schema.optionalKey(Texts),
    client_id_metadata_document_supported: Schema.optionalKey(Schema.Boolean)
  }),
  [Schema.Record(Schema.String, Schema.Json)]
)
export type ServerMetadata = typeof ServerMetadata.Type

/** Where tokens for a mount come from, and what they are for. */
export interface Protected {
  /** RFC 8707: what the mount calls itself. */
  readonly resource: string
  readonly issuer: string
  /** What it wants to be asked for, where it said so. */
  readonly scope: string | undefined
}

/** Of a challenge (RFC 6750 §3, RFC 9728 §5.1), a parameter of this name. */
const parameterOf = (challenge: string, name: string) =>
  new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*"([^"\\\\]{1,2048})"`, "i").exec(challenge.slice(0, 8192))?.[1]

/** The path between host and well-known suffix, as both RFCs insert it. */
const pathOf = ({ pathname }: URL) => (pathname === "/" ? "" : pathname.replace(/\/$/, ""))

const resourcePaths = (url: URL) => {
  const known = `${url.origin}/.well-known/oauth-protected-resource`
  return [...new Set([`${known}${pathOf(url)}`, known])]
}

const serverPaths = (issuer: URL) => {
  const path = pathOf(issuer)
  const [oauth, openid] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
  return [
    ...new Set([
      `${issuer.origin}${oauth}${path}`,
      `${issuer.origin}${openid}${path}`,
      `${issuer.origin}${path}${openid}`
    ])
  ]
}

/** The mount itself, or what contains it: a token for anything else would be good where the mount is not. */
const contains = (resource: string, mount: URL): boolean => {
  if (!URL.canParse(resource)) return false
  const { origin, pathname } = new URL(resource)
  const within = pathname.endsWith("/") ? pathname : `${pathname}/`
  return origin === mount.origin && (mount.pathname === pathname || mount.pathname.startsWith(within))
}

/** A request that opens nothing: whoever wants a token answers it with a challenge. */
const KNOCK = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "Gatehouse", version: "0.1" } }
})

const untrue = ({ title }: Asker | Mount, what: string) =>
  new SignInRefused({ explanation: `${title} cannot be connected: ${what}.` })

export const makeDiscovery = ({ ask }: Asking["Service"], via: string) => {
  /** The first document of these that there is: one that is not there (404 and the like) is not an answer, silence is a failure. */
  const first = <S extends Schema.ConstraintDecoder<unknown>>(mount: Asker, urls: ReadonlyArray<string>, schema: S) => {
    const decode = Schema.decodeUnknownOption(Schema.fromJsonString(schema))
    return Effect.gen(function* () {
      for (const url of urls) {
        if (!isUsable(url, mount.mayBePrivate)) {
          return yield* untrue(mount, "its sign-in stands at an address that may not be asked")
        }
        const { status, text } = yield* ask(url, mount.mayBePrivate, {
          headers: { accept: "application/json" }
        }).pipe(
          Effect.tapError((error) =>
            Effect.logWarning("a mount's sign-in was not found out", { mount: mount.name, error: error.message })
          ),
          Effect.mapError(() => silent(mount))
        )
        if (status >= 500 || status === 429) return yield* silent(mount)
        const found = status === 200 ? decode(text) : Option.none()
        if (Option.isSome(found)) return found.value
      }
      return undefined
    })
  }

  const resourceOf = Effect.fn("vault.resourceOf")(function* (mount: HttpMount): Effect.fn.Return<Protected, Failed> {
    const { url, mayBePrivate } = mount.transport
    if (!isUsable(url, mayBePrivate)) return yield* untrue(mount, "its address is not https")
    const at = new URL(url)
    const answer = yield* ask(url, mayBePrivate, {
      method: "POST",
      headers: { accept: "application/json, text/event-stream", "content-type": "application/json", [VIA]: via },
      body: KNOCK
    }).pipe(
      Effect.mapError(() => new UpstreamUnavailable({ message: `${mount.title} does not answer. Try again later.` }))
    )
    const challenge = answer.status === 401 ? (answer.headers.get("www-authenticate") ?? "") : ""
    const told = parameterOf(challenge, "resource_metadata")
    const metadata = yield* first(askerOf(mount), told === undefined ? resourcePaths(at) : [told], ResourceMetadata)
    const asked = parameterOf(challenge, "scope")
    if (metadata === undefined) {
      if (told !== undefined) return yield* untrue(mount, "it does not say who signs people in")
      // As the protocol had it before 2025-06-18: the server signs people in itself.
      return { resource: url, issuer: at.origin, scope: asked }
    }
    // RFC 9728 §3.3: otherwise it leads to tokens for somebody else.
    if (!contains(metadata.resource, at)) return yield* untrue(mount, "it calls itself by another address")
    const [issuer] = metadata.authorization_servers ?? [at.origin]
    if (issuer === undefined) return yield* untrue(mount, "it does not say who signs people in")
    return { resource: metadata.resource, issuer, scope: asked ?? metadata.scopes_supported?.join(" ") }
  })

  const serverOf = Effect.fn("vault.serverOf")(function* (
    mount: Asker,
    issuer: string
  ): Effect.fn.Return<ServerMetadata, Failed> {
    if (!URL.canParse(issuer)) return yield* untrue(mount, "who signs people in there has no address")
    const metadata = yield* first(mount, serverPaths(new URL(issuer)), ServerMetadata)
    if (metadata === undefined) return yield* untrue(mount, "who signs people in there does not say how")
    // RFC 8414 §3.3: the same, to the letter, but for the slash that an origin's URL has and its name mostly has not.
    if (metadata.issuer.replace(/\/$/, "") !== issuer.replace(/\/$/, "")) {
      return yield* untrue(mount, "who signs people in there calls itself by another name")
    }
    // MCP's authorization specification: without that word the server is not held to the verifier.
    if (metadata.code_challenge_methods_supported?.includes(METHOD) !== true) {
      return yield* untrue(mount, "its sign-in does not protect codes (PKCE)")
    }
    const { authorization_endpoint, token_endpoint, registration_endpoint, revocation_endpoint } = metadata
    const named = [authorization_endpoint, token_endpoint, registration_endpoint, revocation_endpoint]
    if (!named.every((one) => one === undefined || isUsable(one, mount.mayBePrivate))) {
      return yield* untrue(mount, "its sign-in stands at an address that may not be asked")
    }
    return metadata
  })

  return { resourceOf, serverOf }
}
