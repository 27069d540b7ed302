/** What a person was given at a mount, as it is kept: sealed for this mount, this person and the mount's address. */

import { Cache, Duration, Effect, Exit, Option, Redacted, Schema } from "effect"
import { type Asker, askerOf, type HttpMount, type makeDiscovery, type ServerMetadata } from "./discovery.ts"
import type { Exchange, Tokens } from "./exchange.ts"
import type { Client } from "./identity.ts"
import type { Failed } from "./refusals.ts"
import { linkWords, openAs, type Sealing } from "./seal.ts"
import type { LinkRow, NewTokens, Owner } from "./vault.sql.ts"

const Kept = Schema.Struct({
  accessToken: Schema.String,
  refreshToken: Schema.optionalKey(Schema.String),
  resource: Schema.String,
  kind: Schema.Literals(["typed", "document", "registered"]),
  clientId: Schema.String,
  /** Of a client that was registered. The owner's own stays in the configuration. */
  clientSecret: Schema.optionalKey(Schema.String)
})

/** A link that was opened. */
export interface Link {
  readonly accessToken: Redacted.Redacted
  readonly refreshToken: Redacted.Redacted | undefined
  readonly resource: string
  readonly client: Client
}

const DISCOVERED_FOR = Duration.hours(1)
const AT_MOST = 200

export interface Linking {
  readonly discovery: ReturnType<typeof makeDiscovery>
  readonly exchange: Exchange
  readonly sealing: Sealing
}

export const makeLinks = Effect.fnUntraced(function* ({ discovery, exchange, sealing }: Linking) {
  const openKept = openAs(sealing, Kept)

  const sealedOf = (owner: Owner, url: string, link: Link): Uint8Array => {
    const { accessToken, refreshToken, resource, client } = link
    const isOwners = client.kind === "typed" || client.secret === undefined
    const kept: typeof Kept.Type = {
      accessToken: Redacted.value(accessToken),
      ...(refreshToken !== undefined && { refreshToken: Redacted.value(refreshToken) }),
      resource,
      kind: client.kind,
      clientId: client.id,
      ...(!isOwners && client.secret !== undefined && { clientSecret: Redacted.value(client.secret) })
    }
    return sealing.seal(linkWords(owner.mount, owner.personId, url), JSON.stringify(kept))
  }

  /** New tokens of a link; what the answer leaves out stays as it was (RFC 6749 §6). */
  const newTokens = (owner: Owner, url: string, before: Omit<Link, "accessToken">, tokens: Tokens): NewTokens => {
    const { accessToken, refreshToken = before.refreshToken, scope, expiresIn } = tokens
    return { sealed: sealedOf(owner, url, { ...before, accessToken, refreshToken }), scope, expiresIn }
  }

  /** Nothing where the mount has another address or client by now, or where this server cannot open it. */
  const open = (mount: HttpMount, owner: Owner, { url, sealed }: LinkRow): Option.Option<Link> => {
    if (url !== mount.transport.url) return Option.none()
    const { clientId, clientSecret } = mount.signIn
    return openKept(linkWords(owner.mount, owner.personId, url), sealed).pipe(
      Option.filter((kept) => (kept.kind === "typed" ? kept.clientId === clientId : clientId === undefined)),
      Option.map((kept): Link => {
        const registered = kept.clientSecret === undefined ? undefined : Redacted.make(kept.clientSecret)
        return {
          accessToken: Redacted.make(kept.accessToken),
          refreshToken: kept.refreshToken === undefined ? undefined : Redacted.make(kept.refreshToken),
          resource: kept.resource,
          client: {
            kind: kept.kind,
            id: kept.clientId,
            secret: kept.kind === "typed" ? clientSecret : registered
          }
        }
      })
    )
  }

  // By all that counts for the answer: a mount that became another asks anew.
  const servers = yield* Cache.makeWith(
    (key: string) => {
      // Written three lines below.
      const [issuer, asker] = JSON.parse(key) as [string, Asker]
      return discovery.serverOf(asker, issuer)
    },
    { capacity: AT_MOST, timeToLive: (exit) => (Exit.isSuccess(exit) ? DISCOVERED_FOR : Duration.zero) }
  )
  const serverOf = (mount: HttpMount, issuer: string): Effect.Effect<ServerMetadata, Failed> =>
    Cache.get(servers, JSON.stringify([issuer, askerOf(mount)]))

  /** Tells the authorization server that a link is over. Nobody waits for it to succeed. */
  const revoke = Effect.fn("vault.revokeLink")(
    function* (mount: HttpMount, issuer: string, link: Link) {
      const server = yield* serverOf(mount, issuer)
      yield* exchange.revoke(mount, server, link.client, link.refreshToken ?? link.accessToken)
    },
    (revoking) => Effect.ignore(revoking)
  )

  return { open, sealedOf, newTokens, serverOf, revoke }
})
export type Links = Effect.Success<ReturnType<typeof makeLinks>>
