/**
 * What a client says of itself, in a registration (RFC 7591 §2) or in its metadata document, and what we make of it.
 *
 * Members that we do not know are ignored, absent ones get the RFC's defaults, and of lists what we support is kept: the
 * answer tells what is in effect (§3.2.1). Nothing in here is believed; the consent page shows it as the client's words.
 */

import { Result, Schema } from "effect"
import { InvalidClientMetadata, InvalidRedirectUri } from "../errors.ts"
import {
  type Client,
  type ClientKeys,
  type ClientOrigin,
  GRANT_TYPES,
  type GrantType,
  type JsonWebKeySet,
  SIGNING_ALGORITHMS,
  type TokenEndpointAuthMethod
} from "./client.ts"
import * as RedirectUri from "./redirectUri.ts"

const MAX_REDIRECT_URIS = 10
const MAX_NAME = 100
const MAX_KEYS = 20

/** Members of a private key (RFC 7518 §6): a client that publishes them has lost them. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

const text = Schema.String
const texts = Schema.Array(Schema.String)
/** RFC 7517 §5. */
export const KeySet = Schema.Struct({ keys: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)) })

const Members = Schema.Struct({
  redirect_uris: Schema.optionalKey(texts),
  client_name: Schema.optionalKey(text),
  grant_types: Schema.optionalKey(texts),
  response_types: Schema.optionalKey(texts),
  token_endpoint_auth_method: Schema.optionalKey(text),
  token_endpoint_auth_methods_supported: Schema.optionalKey(texts),
  token_endpoint_auth_signing_alg: Schema.optionalKey(text),
  application_type: Schema.optionalKey(text),
  scope: Schema.optionalKey(text),
  contacts: Schema.optionalKey(texts),
  client_uri: Schema.optionalKey(text),
  logo_uri: Schema.optionalKey(text),
  tos_uri: Schema.optionalKey(text),
  policy_uri: Schema.optionalKey(text),
  software_id: Schema.optionalKey(text),
  software_version: Schema.optionalKey(text),
  jwks_uri: Schema.optionalKey(text),
  jwks: Schema.optionalKey(KeySet)
})
const decodeMembers = Schema.decodeUnknownResult(Members)

/** What is in effect, in the RFC's names, so that it can be stored and answered as it is. */
export interface EffectiveMetadata {
  readonly client_name: string
  readonly redirect_uris: ReadonlyArray<string>
  readonly grant_types: ReadonlyArray<GrantType>
  readonly response_types: ReadonlyArray<"code">
  readonly token_endpoint_auth_method: TokenEndpointAuthMethod
  readonly application_type: "web" | "native"
  readonly token_endpoint_auth_signing_alg?: string
  readonly scope?: string
  readonly contacts?: ReadonlyArray<string>
  readonly client_uri?: string
  readonly logo_uri?: string
  readonly tos_uri?: string
  readonly policy_uri?: string
  readonly software_id?: string
  readonly software_version?: string
  readonly jwks_uri?: string
  readonly jwks?: JsonWebKeySet
}

/** A client's own words: no control or bidirectional characters, nothing invisible, no more than a line. */
export const cleanName = (name: string): string => {
  const clean = name.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, "").trim()
  return clean.length > MAX_NAME ? `${clean.slice(0, MAX_NAME - 1)}…` : clean
}

type Refusal = InvalidClientMetadata | InvalidRedirectUri
const wrong = (description: string) => new InvalidClientMetadata({ description })

const isHttps = (uri: string) => URL.canParse(uri) && new URL(uri).protocol === "https:" && !/[^\x21-\x7e]/.test(uri)
const LINKS = /^(client_uri|logo_uri|tos_uri|policy_uri|jwks_uri)(#.*)?$/

/** Absent as clients in the field write it: null, or an empty string. */
const present = (value: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== ""))

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What is allowed where the metadata comes from. */
export interface Rules {
  /** Private-use schemes of redirect URIs. */
  readonly schemes: ReadonlyArray<string>
  readonly authMethods: ReadonlyArray<TokenEndpointAuthMethod>
  /** The method of a client that names none. */
  readonly defaultMethod: TokenEndpointAuthMethod
}

/**
 * The metadata in effect, and the redirect URIs that were left out of it. Each URI is judged alone: one that cannot be
 * served does not sink the others.
 */
export const effective = (
  said: unknown,
  rules: Rules
): Result.Result<{ readonly metadata: EffectiveMetadata; readonly leftOut: ReadonlyArray<string> }, Refusal> =>
  Result.gen(function* () {
    if (!isRecord(said)) return yield* Result.fail(wrong("the metadata is not a JSON object"))
    const given = present(said)
    for (const [name, value] of Object.entries(given)) {
      if (LINKS.test(name) && !(typeof value === "string" && isHttps(value))) {
        return yield* Result.fail(wrong(`${name.split("#")[0]} is not an https URL`))
      }
    }
    const members = yield* Result.mapError(decodeMembers(given), ({ issue }) => {
      const name = "path" in issue && Array.isArray(issue.path) ? String(issue.path[0]) : ""
      return wrong(`${Object.hasOwn(Members.fields, name) ? name : "a member"} has the wrong type`)
    })

    const method = yield* authMethod(members, rules)
    const { kept, leftOut } = yield* redirectUris(members, rules.schemes)
    const { client_name, grant_types, response_types, token_endpoint_auth_methods_supported: _, ...rest } = members
    const grants = (grant_types ?? ["authorization_code"]).filter(isGrantType)
    if (!grants.includes("authorization_code")) {
      return yield* Result.fail(wrong("grant_types must include authorization_code"))
    }
    if (!(response_types ?? ["code"]).includes("code")) {
      return yield* Result.fail(wrong("response_types must include code"))
    }
    const metadata: EffectiveMetadata = {
      ...rest,
      client_name: cleanName(client_name ?? ""),
      redirect_uris: kept,
      grant_types: grants,
      response_types: ["code"],
      token_endpoint_auth_method: method,
      // The default `web` of OpenID would contradict the loopback URIs that clients register without saying more.
      application_type: kept.every(isHttps) ? "web" : "native"
    }
    return { metadata, leftOut }
  })

/** The client that this metadata describes. */
export const toClient = (
  clientId: string,
  origin: ClientOrigin,
  metadata: EffectiveMetadata,
  authMethods: ReadonlyArray<TokenEndpointAuthMethod> = [metadata.token_endpoint_auth_method]
): Client => ({
  clientId,
  origin,
  name: metadata.client_name,
  redirectUris: metadata.redirect_uris,
  grantTypes: metadata.grant_types,
  authMethods,
  keys: keysOf(metadata),
  secret: undefined,
  disabled: false
})

const keysOf = ({ jwks, jwks_uri }: EffectiveMetadata): ClientKeys | undefined => {
  if (jwks !== undefined) return { _tag: "Inline", jwks }
  return jwks_uri === undefined ? undefined : { _tag: "Remote", jwksUri: jwks_uri }
}

const isGrantType = (grant: string): grant is GrantType => GRANT_TYPES.some((known) => known === grant)

const authMethod = (members: typeof Members.Type, { authMethods, defaultMethod }: Rules) =>
  Result.gen(function* () {
    const { jwks, jwks_uri, token_endpoint_auth_signing_alg: algorithm } = members
    const named = members.token_endpoint_auth_method ?? defaultMethod
    const method = authMethods.find((allowed) => allowed === named)
    if (method === undefined) {
      return yield* Result.fail(wrong("token_endpoint_auth_method is not supported"))
    }
    if (jwks !== undefined && jwks_uri !== undefined) {
      return yield* Result.fail(wrong("jwks and jwks_uri exclude each other"))
    }
    if (method === "private_key_jwt" && jwks === undefined && jwks_uri === undefined) {
      return yield* Result.fail(wrong("private_key_jwt needs jwks or jwks_uri"))
    }
    if (algorithm !== undefined && !SIGNING_ALGORITHMS.includes(algorithm)) {
      return yield* Result.fail(wrong("token_endpoint_auth_signing_alg is not supported"))
    }
    const keys = jwks?.keys ?? []
    if (keys.length > MAX_KEYS) return yield* Result.fail(wrong("jwks holds too many keys"))
    if (keys.some((key) => key.kty === "oct" || PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member)))) {
      return yield* Result.fail(wrong("jwks holds a private or symmetric key"))
    }
    return method
  })

const redirectUris = (members: typeof Members.Type, schemes: ReadonlyArray<string>) =>
  Result.gen(function* () {
    const refuse = (description: string) => Result.fail(new InvalidRedirectUri({ description }))
    const uris = [...new Set(members.redirect_uris ?? [])]
    if (uris.length === 0) return yield* refuse("redirect_uris is missing or empty")
    if (uris.length > MAX_REDIRECT_URIS)
      return yield* refuse(`redirect_uris has more than ${MAX_REDIRECT_URIS} entries`)
    const refusals = uris.map((uri) =>
      members.application_type === "web" && !uri.startsWith("https:")
        ? "is not https, as application_type web demands"
        : RedirectUri.refusal(uri, schemes)
    )
    const kept = uris.filter((_, index) => refusals[index] === undefined)
    if (kept.length === 0) return yield* refuse(`a redirect URI ${refusals[0]}`)
    return { kept, leftOut: uris.filter((_, index) => refusals[index] !== undefined) }
  })
