/** The records that the protocol speaks of. Wire and column names stay snake_case, ours are camelCase. */

/** RFC 7591 §2. */
export type TokenEndpointAuthMethod = "none" | "client_secret_basic" | "client_secret_post" | "private_key_jwt"
/** RFC 7591 §2. */
export type GrantType = "authorization_code" | "refresh_token"

/** A stored client secret; `kdf` and `salt` are set when a person chose it. */
export interface SecretHash {
  readonly hash: Uint8Array
  readonly salt: Uint8Array | null
  readonly kdf: string | null
}

/** RFC 7517 §5. */
export interface JsonWebKeySet {
  readonly keys: ReadonlyArray<Readonly<Record<string, unknown>>>
}

/** Public keys of a client (RFC 7517): its own words, or where they are to be fetched. */
export type ClientKeys =
  | { readonly _tag: "Inline"; readonly jwks: JsonWebKeySet }
  | { readonly _tag: "Remote"; readonly jwksUri: string }

/** How a client came to be known: by its operator, by RFC 7591, or by the document at its `client_id`. */
export type ClientOrigin = "configured" | "dynamic" | "document"

/** A registered client. */
export interface Client {
  readonly origin: ClientOrigin
  readonly clientId: string
  readonly name: string
  readonly redirectUris: ReadonlyArray<string>
  readonly grantTypes: ReadonlyArray<GrantType>
  readonly authMethods: ReadonlyArray<TokenEndpointAuthMethod>
  readonly secret: SecretHash | undefined
  readonly keys: ClientKeys | undefined
  readonly disabled: boolean
}

/** What a person granted to a client: the content of a code, later of a session. */
export interface Grant {
  readonly clientId: string
  readonly subject: string
  readonly scopes: ReadonlyArray<string>
  readonly resource: string
}

/** What a code was bound to when it was issued (RFC 6749 §4.1.3, RFC 7636 §4.4). */
export interface CodeBinding {
  readonly clientId: string
  readonly redirectUri: string
  readonly codeChallenge: string
}

/** A validated authorization request; its redirect URI is one of the client's. */
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
}

export type SessionStatus = "active" | "revoked" | "compromised"

/** RFC 6749 §5.1. */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: "Bearer"
  readonly expires_in: number
  readonly refresh_token?: string
  readonly scope: string
}

/** Who is calling `/mcp`, on whose behalf and with what. */
export interface Principal {
  readonly clientId: string
  readonly subject: string
  readonly sessionId: string
  readonly scopes: ReadonlyArray<string>
  readonly resource: string
  readonly expiresAt: Date
}
