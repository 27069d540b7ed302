/**
 * What a client says of itself, in a registration (RFC 7591 §2) or in its metadata document, and what we make of it.
 *
 * Members that we do not know are ignored, absent ones get the RFC's defaults, and of lists what we support is kept: the
 * answer tells what is in effect (§3.2.1). Nothing in here is believed; the consent page shows it as the client's words.
 */

import { Effect, Result, Schema, SchemaTransformation } from "effect"
import { InvalidClientMetadata, InvalidRedirectUri } from "../errors.ts"
import {
  type Client,
  type ClientKeys,
  type ClientOrigin,
  GRANT_TYPES,
  type GrantType,
  ID_TOKEN_ALGORITHMS,
  type IdTokenAlgorithm,
  SIGNING_ALGORITHMS,
  type TokenEndpointAuthMethod
} from "./client.ts"
import { holdsSecret, type JsonWebKeySet, KeySet } from "./keySet.ts"
import * as RedirectUri from "./redirectUri.ts"

/** A wide margin over what clients register: one for each place where they run. */
const MAX_REDIRECT_URIS = 50
const MAX_NAME = 100

const isHttps = (uri: string) => URL.canParse(uri) && new URL(uri).protocol === "https:" && !/[^\x21-\x7e]/.test(uri)

const text = Schema.String
const texts = Schema.Array(Schema.String)
/** Of a list what is text; nobody is held to entries that we would not use. */
const someTexts = Schema.Array(Schema.Unknown).pipe(
  Schema.decodeTo(
    texts,
    SchemaTransformation.transform({
      decode: (entries): ReadonlyArray<string> => entries.filter((entry) => typeof entry === "string"),
      encode: (entries): ReadonlyArray<unknown> => entries
    })
  )
)
const link = Schema.String.check(Schema.makeFilter(isHttps))

/**
 * A member that nothing here depends on: what does not fit is left out, and so are the lists that nothing is left of. The
 * answer tells what was kept, as the RFC has it (§3.2.1: the server may "reject or replace" what was asked for).
 */
const echoed = <S extends Schema.Top>(member: S) =>
  Schema.optionalKey(member).pipe(Schema.catchDecoding(() => Effect.succeedNone))

const Members = Schema.Struct({
  redirect_uris: Schema.optionalKey(texts),
  client_name: Schema.optionalKey(text),
  grant_types: Schema.optionalKey(someTexts),
  response_types: Schema.optionalKey(someTexts),
  token_endpoint_auth_method: Schema.optionalKey(text),
  token_endpoint_auth_signing_alg: echoed(text),
  application_type: echoed(text),
  scope: echoed(text),
  contacts: echoed(someTexts.check(Schema.isNonEmpty())),
  client_uri: echoed(link),
  logo_uri: echoed(link),
  tos_uri: echoed(link),
  policy_uri: echoed(link),
  software_id: echoed(text),
  software_version: echoed(text),
  id_token_signed_response_alg: echoed(Schema.Literals(ID_TOKEN_ALGORITHMS)),
  post_logout_redirect_uris: echoed(someTexts),
  jwks_uri: Schema.optionalKey(link),
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
  readonly id_token_signed_response_alg?: IdTokenAlgorithm
  readonly post_logout_redirect_uris?: ReadonlyArray<string>
  readonly jwks_uri?: string
  readonly jwks?: JsonWebKeySet
}

/** A client's own words: no control or bidirectional characters, nothing invisible, no more than a line. */
export const cleanName = (name: string): string => {
  const clean = name.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu, "").trim()
  // Not through the middle of a character, half of which would be no text.
  return clean.length > MAX_NAME ? `${clean.slice(0, MAX_NAME - 1).replace(/[\ud800-\udbff]$/, "")}…` : clean
}

type Refusal = InvalidClientMetadata | InvalidRedirectUri
const wrong = (description: string) => new InvalidClientMetadata({ description })

/** Absent as clients in the field write it: null, or an empty string. */
const present = (value: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== ""))

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Whether Postgres can keep it: neither text nor jsonb holds a NUL, and jsonb no lone surrogate. */
const isStorable = (value: unknown): boolean => {
  if (typeof value === "string") return !value.includes("\0") && value.isWellFormed()
  return typeof value !== "object" || value === null || Object.values(value).every(isStorable)
}

/** What is allowed where the metadata comes from. */
export interface Rules {
  /** Private-use schemes of redirect URIs. */
  readonly schemes: ReadonlyArray<string>
  readonly authMethods: ReadonlyArray<TokenEndpointAuthMethod>
  /** The methods of a client that names none: it may use each, and is answered the first. */
  readonly defaultMethods: readonly [TokenEndpointAuthMethod, ...ReadonlyArray<TokenEndpointAuthMethod>]
}

export interface Effective {
  readonly metadata: EffectiveMetadata
  readonly authMethods: ReadonlyArray<TokenEndpointAuthMethod>
  /** Redirect URIs that cannot be served. */
  readonly leftOut: ReadonlyArray<string>
}

/**
 * The metadata in effect, and the redirect URIs that were left out of it. Each URI is judged alone: one that cannot be
 * served does not sink the others.
 */
export const effective = (said: unknown, rules: Rules): Result.Result<Effective, Refusal> =>
  Result.gen(function* () {
    if (!isRecord(said)) return yield* Result.fail(wrong("the metadata is not a JSON object"))
    const given = present(said)
    if (holdsSecret(given.jwks)) return yield* Result.fail(wrong("jwks holds a private or symmetric key"))
    const members = yield* Result.mapError(decodeMembers(given), ({ issue }) => {
      const name = "path" in issue && Array.isArray(issue.path) ? String(issue.path[0]) : ""
      if (name === "jwks_uri") return wrong("jwks_uri is not an https URL")
      return wrong(`${Object.hasOwn(Members.fields, name) ? name : "a member"} has the wrong type`)
    })

    const method = yield* authMethod(members, rules)
    const { kept, leftOut } = yield* redirectUris(members, rules.schemes)
    const {
      client_name,
      grant_types,
      response_types,
      token_endpoint_auth_signing_alg: algorithm,
      post_logout_redirect_uris: afterLogout = [],
      ...rest
    } = members
    const places = afterLogout.filter((uri) => RedirectUri.refusal(uri, rules.schemes) === undefined)
    const grants = (grant_types ?? ["authorization_code"]).filter(isGrantType)
    if (!grants.includes("authorization_code")) {
      return yield* Result.fail(wrong("grant_types must include authorization_code"))
    }
    if (!(response_types ?? ["code"]).includes("code")) {
      return yield* Result.fail(wrong("response_types must include code"))
    }
    const metadata: EffectiveMetadata = {
      ...rest,
      ...(places.length > 0 && { post_logout_redirect_uris: places.slice(0, MAX_REDIRECT_URIS) }),
      ...(isSupported(algorithm) && { token_endpoint_auth_signing_alg: algorithm }),
      client_name: cleanName(client_name ?? ""),
      redirect_uris: kept,
      grant_types: grants,
      response_types: ["code"],
      token_endpoint_auth_method: method,
      // The default `web` of OpenID would contradict the loopback URIs that clients register without saying more.
      application_type: kept.every(isHttps) ? "web" : "native"
    }
    if (!isStorable(metadata)) return yield* Result.fail(wrong("a member holds a NUL or half a character"))
    const authMethods = members.token_endpoint_auth_method === undefined ? rules.defaultMethods : [method]
    return { metadata, authMethods, leftOut }
  })

/** The client that this metadata describes. */
export const toClient = (
  clientId: string,
  origin: ClientOrigin,
  metadata: EffectiveMetadata,
  authMethods: ReadonlyArray<TokenEndpointAuthMethod>
): Client => ({
  clientId,
  origin,
  name: metadata.client_name,
  redirectUris: metadata.redirect_uris,
  grantTypes: metadata.grant_types,
  authMethods,
  keys: keysOf(metadata),
  ...((metadata.id_token_signed_response_alg ?? metadata.post_logout_redirect_uris) !== undefined && {
    openid: {
      idTokenAlg: metadata.id_token_signed_response_alg ?? "RS256",
      postLogoutRedirectUris: metadata.post_logout_redirect_uris ?? []
    }
  }),
  secret: undefined,
  disabled: false
})

const keysOf = ({ jwks, jwks_uri }: EffectiveMetadata): ClientKeys | undefined => {
  if (jwks !== undefined) return { _tag: "Inline", jwks }
  return jwks_uri === undefined ? undefined : { _tag: "Remote", jwksUri: jwks_uri }
}

const isGrantType = (grant: string): grant is GrantType => GRANT_TYPES.some((known) => known === grant)

const isSupported = (algorithm: string | undefined): algorithm is string =>
  algorithm !== undefined && SIGNING_ALGORITHMS.includes(algorithm)

const authMethod = (members: typeof Members.Type, { authMethods, defaultMethods }: Rules) =>
  Result.gen(function* () {
    const { jwks, jwks_uri, token_endpoint_auth_signing_alg: algorithm } = members
    const named = members.token_endpoint_auth_method ?? defaultMethods[0]
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
    if (method !== "private_key_jwt") return method
    if (jwks?.keys.length === 0) return yield* Result.fail(wrong("jwks holds no key that can be used"))
    if (algorithm !== undefined && !isSupported(algorithm)) {
      return yield* Result.fail(wrong("token_endpoint_auth_signing_alg is not supported"))
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
