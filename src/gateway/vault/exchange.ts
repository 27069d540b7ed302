/**
 * What is said to an authorization server as its client. By openid-client, which signs people in here already: it is strict where it
 * counts (state, `iss`, answers), and the MCP client's helpers would fetch, store and decide by themselves what the vault has to.
 */

import { Effect, Redacted } from "effect"
import * as client from "openid-client"
import type { Asking } from "./Asking.ts"
import { ASK_SECONDS } from "./Asking.ts"
import type { HttpMount, ServerMetadata } from "./discovery.ts"
import { authenticationsOf, type Client } from "./identity.ts"
import { refusalOf, whyOf } from "./refusals.ts"

export interface Tokens {
  readonly accessToken: Redacted.Redacted
  readonly refreshToken: Redacted.Redacted | undefined
  readonly scope: string | undefined
  readonly expiresIn: number | undefined
}

const tokensOf = (answer: client.TokenEndpointResponse): Tokens => ({
  accessToken: Redacted.make(answer.access_token),
  refreshToken: answer.refresh_token === undefined ? undefined : Redacted.make(answer.refresh_token),
  scope: answer.scope,
  // A year is for ever; a token that has ended before it came is asked for anew at its next use.
  expiresIn: answer.expires_in === undefined ? undefined : Math.min(Math.max(answer.expires_in, 0), 31_536_000)
})

export const makeExchange = ({ fetchFor }: Asking["Service"]) => {
  const configured = (mount: HttpMount, server: ServerMetadata, { id, secret }: Client) => {
    const { mayBePrivate } = mount.transport
    const value = secret === undefined ? undefined : Redacted.value(secret)
    const authentication =
      value === undefined
        ? client.None()
        : authenticationsOf(server).includes("client_secret_basic")
          ? client.ClientSecretBasic(value)
          : client.ClientSecretPost(value)
    const found = new client.Configuration(
      // The library writes its arrays as ones that may be changed; it copies them all.
      server as client.ServerMetadata,
      id,
      { [client.clockTolerance]: 30, ...(value !== undefined && { client_secret: value }) },
      authentication
    )
    found.timeout = ASK_SECONDS
    const fetch = fetchFor(mayBePrivate)
    // The library's own type of a body is wider than that of fetch by streams that it never sends.
    found[client.customFetch] = (url, { body, ...options }) =>
      fetch(url, { ...options, body: body as RequestInit["body"] & {} })
    // Which addresses may go without TLS was decided before (`isUsable`), and is again with each request.
    if (mayBePrivate) client.allowInsecureRequests(found)
    return found
  }

  const ask = <A>(mount: HttpMount, what: string, run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (cause) => cause }).pipe(
      Effect.tapError((cause) => Effect.logWarning(what, { mount: mount.name, ...whyOf(cause) })),
      Effect.mapError((cause) => refusalOf(mount, cause))
    )

  return {
    /** Where the browser goes. */
    location: (
      mount: HttpMount,
      server: ServerMetadata,
      as: Client,
      parameters: Readonly<Record<string, string>>
    ): string => client.buildAuthorizationUrl(configured(mount, server, as), { ...parameters }).href,

    /** What the browser was sent back with, for tokens. State and `iss` are checked before anything is sent (RFC 9207). */
    redeem: Effect.fn("vault.redeem")(function* (
      mount: HttpMount,
      server: ServerMetadata,
      as: Client,
      {
        current,
        verifier,
        state,
        resource
      }: {
        readonly current: URL
        readonly verifier: string
        readonly state: string
        readonly resource: string
      }
    ) {
      const configuration = configured(mount, server, as)
      const answer = yield* ask(mount, "nobody was signed in at a mount", () =>
        client.authorizationCodeGrant(
          configuration,
          current,
          { pkceCodeVerifier: verifier, expectedState: state },
          { resource }
        )
      )
      return tokensOf(answer)
    }),

    refresh: Effect.fn("vault.refresh")(function* (
      mount: HttpMount,
      server: ServerMetadata,
      as: Client,
      refreshToken: Redacted.Redacted,
      resource: string
    ) {
      const configuration = configured(mount, server, as)
      const answer = yield* ask(mount, "a person's tokens at a mount were not renewed", () =>
        client.refreshTokenGrant(configuration, Redacted.value(refreshToken), { resource })
      )
      return tokensOf(answer)
    }),

    /** RFC 7009, where there is such an endpoint. */
    revoke: Effect.fn("vault.revoke")(function* (
      mount: HttpMount,
      server: ServerMetadata,
      as: Client,
      token: Redacted.Redacted
    ) {
      if (server.revocation_endpoint === undefined) return
      const configuration = configured(mount, server, as)
      yield* ask(mount, "a person's tokens at a mount were not revoked", () =>
        client.tokenRevocation(configuration, Redacted.value(token))
      )
    })
  }
}
export type Exchange = ReturnType<typeof makeExchange>
