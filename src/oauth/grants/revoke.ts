/** Token revocation (RFC 7009). */

import { Effect } from "effect"
import { type Parameters, requiredSecret } from "../parameters.ts"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import * as OpaqueToken from "../tokens/opaqueToken.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import type { Presenter } from "./sessions.sql.ts"
import { TokenStore } from "./TokenStore.ts"

/**
 * An access token dies alone, a refresh token takes its whole session along. A token that is unknown, or another
 * client's, changes nothing and is no error (§2.2). The kind is read from the token; `token_type_hint` may be wrong.
 */
export const revoke = Effect.fn("revoke")(function* (parameters: Parameters, by: Presenter) {
  const presented = yield* requiredSecret(parameters, "token")
  const { byId } = yield* ServerKeys
  const store = yield* TokenStore
  const refresh = OpaqueToken.read("refresh", byId, presented)
  if (refresh !== undefined) return yield* store.revokeSession(refresh, by)
  const access = OpaqueToken.read("access", byId, presented)
  if (access !== undefined) return yield* (yield* AccessTokens).revoke(access, by.clientId)
})
