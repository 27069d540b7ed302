/** What a client is to this server. Wire and column names stay snake_case, ours are camelCase. */

import type { JsonWebKeySet } from "./keySet.ts"

/** RFC 7591 §2: every way to prove who one is at the token endpoint. */
export const AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] as const
export type TokenEndpointAuthMethod = (typeof AUTH_METHODS)[number]

export const usesSecret = (method: TokenEndpointAuthMethod): boolean =>
  method === "client_secret_basic" || method === "client_secret_post"

/** RFC 7591 §2: every grant that this server gives. */
export const GRANT_TYPES = ["authorization_code", "refresh_token"] as const
export type GrantType = (typeof GRANT_TYPES)[number]

/** RFC 7518 §3.1; what `private_key_jwt` may be signed with. */
export const SIGNING_ALGORITHMS = ["RS256", "ES256"]

/** What an ID token may be signed with: what every client has to know (OpenID Connect Core §15.1), and what is small. */
export const ID_TOKEN_ALGORITHMS = ["RS256", "ES256"] as const
export type IdTokenAlgorithm = (typeof ID_TOKEN_ALGORITHMS)[number]

/** What a client may say of OpenID Connect. */
export interface OpenidPreferences {
  /** What its ID tokens are signed with (OpenID Connect Registration §2). */
  readonly idTokenAlg: IdTokenAlgorithm
  /** Where a person may be sent who signed out of it (OpenID Connect RP-Initiated Logout §3.1). */
  readonly postLogoutRedirectUris: ReadonlyArray<string>
}

/** A stored client secret; `kdf` and `salt` are set when a person chose it. */
export interface SecretHash {
  readonly hash: Uint8Array
  readonly salt: Uint8Array | null
  readonly kdf: string | null
}

/** Public keys of a client (RFC 7517): its own words, or where they are to be fetched. */
export type ClientKeys =
  | { readonly _tag: "Inline"; readonly jwks: JsonWebKeySet }
  | { readonly _tag: "Remote"; readonly jwksUri: string }

/** How a client came to be known: by its operator, by RFC 7591, or by the document at its `client_id`. */
export type ClientOrigin = "configured" | "dynamic" | "document"

/** A client that this server knows. */
export interface Client {
  readonly origin: ClientOrigin
  readonly clientId: string
  readonly name: string
  readonly redirectUris: ReadonlyArray<string>
  readonly grantTypes: ReadonlyArray<GrantType>
  readonly authMethods: ReadonlyArray<TokenEndpointAuthMethod>
  readonly secret: SecretHash | undefined
  readonly keys: ClientKeys | undefined
  /** What it said of OpenID Connect, if it did. */
  readonly openid?: OpenidPreferences
  readonly disabled: boolean
}
