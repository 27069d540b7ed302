/** What a start has to say, or to refuse, of who may use the server. */

import { Effect, Layer, Redacted } from "effect"
import { ConfigInvalid, ServerConfig } from "../config/ServerConfig.ts"
import { People } from "../people/People.ts"
import { Passkeys } from "../people/passkeys/Passkeys.ts"

/** Where the first owner sets the server up: a new link with each start, until there is one. */
export const setupUrl = Effect.gen(function* () {
  const code = yield* (yield* People).setupLink
  return code && `${(yield* ServerConfig).issuer}/setup#${Redacted.value(code)}`
})

/** A new name makes every passkey of the old one useless (WebAuthn §5.1.3). */
export const tellOfPasskeys = Effect.gen(function* () {
  const hosts = yield* (yield* Passkeys).foreignHosts
  if (hosts.length === 0) return
  yield* Effect.logWarning(
    `passkeys were made at ${hosts.join(", ")}, and do not work at BASE_URL: their people need a password, a recovery ` +
      "code, or a link (npm run person:reset)"
  )
})

/** Whoever finds a public address may come in then. */
export const tellOfSignUp = Effect.gen(function* () {
  const { signUp, isLocal } = yield* ServerConfig
  if (signUp !== "open" || isLocal) return
  yield* Effect.logWarning("SIGN_UP=open: anybody who reaches BASE_URL may make an account, and use the tools")
})

/** What was for a server without an owner must not outlive that. */
export const RefuseDemo = Layer.effectDiscard(
  Effect.gen(function* () {
    const { autoApprove, isLocal, demoConsent } = yield* ServerConfig
    if (!(autoApprove || (demoConsent && !isLocal)) || !(yield* (yield* People).isSetUp)) return
    const name = autoApprove ? "AUTO_APPROVE" : "DEMO_CONSENT"
    return yield* new ConfigInvalid({
      problems: [`${name} must not be true any more: this server has an owner, and people sign in`]
    })
  })
)
