/** The tokens of people at mounts, as those who make requests need them: a token of this very person, or none. */

import { Context, Effect, Layer, type Redacted } from "effect"
import { SignInNeeded, type UpstreamUnavailable } from "./failures.ts"
import type { Mount } from "./mount.ts"

export class Credentials extends Context.Service<
  Credentials,
  {
    /** The bearer token of this very person for this mount. */
    readonly tokenOf: (
      mount: Mount,
      subject: string
    ) => Effect.Effect<Redacted.Redacted, SignInNeeded | UpstreamUnavailable>
    /** The upstream answered 401 to that token: refreshed once under a row lock, or there is a sign-in to be done. */
    readonly renewed: (
      mount: Mount,
      subject: string,
      refused: Redacted.Redacted
    ) => Effect.Effect<Redacted.Redacted, SignInNeeded | UpstreamUnavailable>
  }
>()("gatehouse/gateway/Credentials") {
  /** Where nobody has signed in anywhere. */
  static readonly none = Layer.succeed(
    Credentials,
    Credentials.of({
      tokenOf: ({ name }) => Effect.fail(new SignInNeeded({ mount: name })),
      renewed: ({ name }) => Effect.fail(new SignInNeeded({ mount: name }))
    })
  )
}
