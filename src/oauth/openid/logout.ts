/** Where a person goes who signed out at an app's word (OpenID Connect RP-Initiated Logout §2, §3). */

import { Effect, Option } from "effect"
import { ClientRegistry } from "../clients/ClientRegistry.ts"
import { withParameters } from "../clients/redirectUri.ts"
import type { Parameters } from "../parameters.ts"
import { SigningKeys } from "./SigningKeys.ts"

/** What an app sends along. */
export const LOGOUT_PARAMETERS = ["client_id", "id_token_hint", "post_logout_redirect_uri", "state"] as const

/**
 * The address that the app asks for, if it is the app's own: registered for it, byte for byte. The app is named by
 * `client_id` or by an ID token of ours, and by both alike where both are there. Nothing otherwise, and the person stays.
 */
export const afterLogout = Effect.fn("openid.afterLogout")(function* (parameters: Parameters) {
  const uri = parameters.get("post_logout_redirect_uri")
  if (uri === undefined) return undefined
  const hint = parameters.get("id_token_hint")
  const aud = hint === undefined ? undefined : Option.getOrUndefined(yield* (yield* SigningKeys).read(hint))?.aud
  const named = parameters.get("client_id")
  const clientId = named ?? aud
  if (clientId === undefined || (aud !== undefined && aud !== clientId)) return undefined
  const client = yield* (yield* ClientRegistry).find(clientId)
  if (client === undefined || client.disabled || client.openid?.postLogoutRedirectUris.includes(uri) !== true) {
    return undefined
  }
  return withParameters(uri, { state: parameters.get("state") })
})
