/** What clients discover: pure functions of the configuration, listing only what works. */

import type { ServerConfigShape } from "../config/ServerConfig.ts"
import { METHOD } from "../domain/pkce.ts"
import { DEFAULT_SCOPES, SCOPES } from "../domain/scope.ts"

const AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post"]

/** RFC 8414 §2; also served as the OpenID discovery document, which some clients ask for first. */
export const authorizationServer = ({ issuer }: ServerConfigShape) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  revocation_endpoint: `${issuer}/revoke`,
  response_types_supported: ["code"],
  response_modes_supported: ["query"],
  grant_types_supported: ["authorization_code", "refresh_token"],
  code_challenge_methods_supported: [METHOD],
  token_endpoint_auth_methods_supported: AUTH_METHODS,
  revocation_endpoint_auth_methods_supported: AUTH_METHODS,
  scopes_supported: Object.keys(SCOPES),
  prompt_values_supported: ["none", "consent"],
  authorization_response_iss_parameter_supported: true
})

/** RFC 9728 §2. `offline_access` is no scope of the resource, so it is absent here. */
export const protectedResource = ({ issuer, resource }: ServerConfigShape) => ({
  resource,
  authorization_servers: [issuer],
  scopes_supported: DEFAULT_SCOPES,
  bearer_methods_supported: ["header"],
  resource_name: "Gatehouse"
})
