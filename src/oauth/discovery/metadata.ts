/** What clients discover: pure functions of the configuration, listing only what works. */

import type { ServerConfigShape } from "../../config/ServerConfig.ts"
import { AUTH_METHODS, ID_TOKEN_ALGORITHMS, SIGNING_ALGORITHMS } from "../clients/client.ts"
import { CLAIMS } from "../openid/idToken.ts"
import { METHOD } from "../pkce.ts"
import { type Catalogue, defaultScopes } from "../scope.ts"

const CONFIDENTIAL_METHODS = AUTH_METHODS.filter((method) => method !== "none")

/** RFC 8414 §2. */
export const authorizationServer = ({ issuer, registration }: ServerConfigShape, catalogue: Catalogue) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  revocation_endpoint: `${issuer}/revoke`,
  introspection_endpoint: `${issuer}/introspect`,
  ...(registration.dynamic === "off" ? {} : { registration_endpoint: `${issuer}/register` }),
  response_types_supported: ["code"],
  response_modes_supported: ["query"],
  grant_types_supported: ["authorization_code", "refresh_token"],
  code_challenge_methods_supported: [METHOD],
  token_endpoint_auth_methods_supported: AUTH_METHODS,
  token_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
  revocation_endpoint_auth_methods_supported: AUTH_METHODS,
  revocation_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
  introspection_endpoint_auth_methods_supported: CONFIDENTIAL_METHODS,
  introspection_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
  scopes_supported: [...catalogue.keys()],
  prompt_values_supported: ["none", "login", "consent", "select_account"],
  authorization_response_iss_parameter_supported: true,
  client_id_metadata_document_supported: registration.documents
})

/** OpenID Connect Discovery §3: what RFC 8414 says, and what it says more of people. */
export const openidProvider = (config: ServerConfigShape, catalogue: Catalogue) => ({
  ...authorizationServer(config, catalogue),
  userinfo_endpoint: `${config.issuer}/userinfo`,
  jwks_uri: `${config.issuer}/jwks`,
  end_session_endpoint: `${config.issuer}/logout`,
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ID_TOKEN_ALGORITHMS,
  claims_supported: CLAIMS,
  claims_parameter_supported: false,
  request_parameter_supported: false,
  // True unless it is said (§3).
  request_uri_parameter_supported: false
})

/** RFC 9728 §2, of the resource by one of its names. `offline_access` is no scope of the resource, so it is absent here. */
export const protectedResource = ({ issuer }: ServerConfigShape, catalogue: Catalogue, resource: string) => ({
  resource,
  authorization_servers: [issuer],
  scopes_supported: defaultScopes(catalogue),
  bearer_methods_supported: ["header"],
  resource_name: "Gatehouse"
})
