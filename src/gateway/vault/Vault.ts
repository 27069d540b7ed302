/**
 * People's sign-ins at mounts: begun in a browser, finished in the same one by the same person, kept sealed, renewed, ended. This server
 * is an OAuth client here (OAuth 2.1, RFC 8707, RFC 9207, RFC 9728); nothing that a caller sent it is ever passed on.
 */

import { createHash, randomBytes } from "node:crypto"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { isUuid, operation, type StoreUnavailable } from "../../database/query.ts"
import { challengeOf, METHOD } from "../../oauth/pkce.ts"
import { OFFLINE_ACCESS } from "../../oauth/scope.ts"
import { ServerKeys } from "../../oauth/tokens/ServerKeys.ts"
import { viaOf } from "../../oauth/tokens/via.ts"
import { Credentials } from "../Credentials.ts"
import { MountsInUse } from "../MountsInUse.ts"
import type { Mount } from "../mount.ts"
import { Asking } from "./Asking.ts"
import { isSignedInAt, makeDiscovery, type Protected, type ServerMetadata } from "./discovery.ts"
import { makeExchange } from "./exchange.ts"
import { callbackOf, makeIdentity } from "./identity.ts"
import { makeLinks } from "./links.ts"
import { type Failed, SignInRefused } from "./refusals.ts"
import { makeRenewal } from "./renewal.ts"
import { makeSealing, openAs } from "./seal.ts"
import { makeVaultRows } from "./vault.sql.ts"

/** A person has so long where they sign in. */
export const SIGN_IN_SECONDS = 600

/** What a sign-in waits for. */
const Pending = Schema.Struct({
  verifier: Schema.String,
  url: Schema.String,
  issuer: Schema.String,
  resource: Schema.String,
  kind: Schema.Literals(["typed", "document", "registered"]),
  clientId: Schema.String,
  clientSecret: Schema.optionalKey(Schema.String)
})

/** Where a person is signed in. */
export interface Linked {
  readonly mount: string
  /** Whether it is good for the mount as it is now: not where that moved. */
  readonly isGood: boolean
  readonly since: Date
}

/** The browser of a person, by its session. */
export interface AtBrowser {
  readonly personId: string
  readonly browserSession: string
}

const GONE = "This sign-in was finished already, took longer than ten minutes, or began in another browser."
const hashOf = (state: string) => createHash("sha256").update(state).digest()

/** What is asked for: the owner's word, else the mount's, with what makes it last where that is known there. */
const scopeOf = ({ signIn }: Mount, { scope }: Protected, server: ServerMetadata): string | undefined => {
  if (signIn.scope !== undefined) return signIn.scope
  const lasts = server.scopes_supported?.includes(OFFLINE_ACCESS.name) === true
  const all = new Set([...(scope?.split(" ") ?? []), ...(lasts ? [OFFLINE_ACCESS.name] : [])].filter(Boolean))
  return all.size === 0 ? undefined : [...all].join(" ")
}

export class Vault extends Context.Service<
  Vault,
  {
    /** Where the browser goes to sign this person in at a mount. */
    readonly begin: (mount: string, at: AtBrowser) => Effect.Effect<string, Failed | StoreUnavailable>
    /** What the browser came back with, at the mount's own callback: the person is connected, or nothing has changed. */
    readonly finish: (
      mount: string,
      query: URLSearchParams,
      at: AtBrowser
    ) => Effect.Effect<Mount, Failed | StoreUnavailable>
    readonly linksOf: (personId: string) => Effect.Effect<ReadonlyArray<Linked>, StoreUnavailable>
    /** Whether there was a link. The mount's authorization server is told, if it listens. */
    readonly disconnect: (mount: string, personId: string) => Effect.Effect<boolean, StoreUnavailable>
    /** Deletes at most `batch` sign-ins that nobody came back from. */
    readonly sweep: (batch: number) => Effect.Effect<{ readonly serverSignIns: number }, StoreUnavailable>
    readonly tokenOf: Credentials["Service"]["tokenOf"]
    readonly renewed: Credentials["Service"]["renewed"]
  }
>()("gatehouse/gateway/vault/Vault") {
  static readonly layerWithAsking = Layer.effect(
    Vault,
    Effect.gen(function* () {
      const { issuer: baseUrl, sealingKey } = yield* ServerConfig
      const keys = yield* ServerKeys
      const asking = yield* Asking
      const mounts = yield* MountsInUse
      const rows = makeVaultRows(yield* SqlClient.SqlClient)
      const sealing = makeSealing(keys, sealingKey)
      const discovery = makeDiscovery(asking, viaOf(keys))
      const exchange = makeExchange(asking)
      const identity = makeIdentity({ baseUrl, asking, rows, sealing })
      const links = yield* makeLinks({ discovery, exchange, sealing })
      const { tokenOf, renewed } = makeRenewal({ rows, links, exchange, sealing, identity, scope: yield* Effect.scope })
      const openPending = openAs(sealing, Pending)

      const find = (name: string) =>
        mounts
          .current()
          .filter(isSignedInAt)
          .find((mount) => mount.name === name)
      const found = Effect.fnUntraced(function* (name: string) {
        return (
          find(name) ?? (yield* new SignInRefused({ explanation: "There is no such server to sign in at any more." }))
        )
      })
      const wordsOf = (mount: string, { personId, browserSession }: AtBrowser, state: string) => [
        "sign-in",
        mount,
        personId,
        browserSession,
        state
      ]

      const begin = Effect.fn("Vault.begin")(function* (name: string, at: AtBrowser) {
        const mount = yield* found(name)
        const guarded = yield* discovery.resourceOf(mount)
        const server = yield* links.serverOf(mount, guarded.issuer)
        const client = yield* identity.clientFor(mount, server)
        const [state, verifier] = [randomBytes(32).toString("base64url"), randomBytes(32).toString("base64url")]
        const scope = scopeOf(mount, guarded, server)
        const location = exchange.location(mount, server, client, {
          redirect_uri: callbackOf(baseUrl, mount.name),
          state,
          code_challenge: challengeOf(verifier),
          code_challenge_method: METHOD,
          resource: guarded.resource,
          ...(scope !== undefined && { scope }),
          // OpenID Connect Core §11: it lasts only where the person was asked.
          ...(scope?.split(" ").includes(OFFLINE_ACCESS.name) && { prompt: "consent" })
        })
        const pending: typeof Pending.Type = {
          verifier,
          url: mount.transport.url,
          issuer: guarded.issuer,
          resource: guarded.resource,
          kind: client.kind,
          clientId: client.id,
          ...(client.kind === "registered" && client.secret && { clientSecret: Redacted.value(client.secret) })
        }
        yield* operation(
          rows.beginSignIn({
            mount: mount.name,
            ...at,
            stateHash: hashOf(state),
            sealed: sealing.seal(wordsOf(mount.name, at, state), JSON.stringify(pending)),
            seconds: SIGN_IN_SECONDS
          })
        )
        return location
      })

      const finish = Effect.fn("Vault.finish")(function* (name: string, query: URLSearchParams, at: AtBrowser) {
        const mount = yield* found(name)
        const state = query.get("state") ?? ""
        const sealed = yield* operation(rows.takeSignIn({ mount: mount.name, ...at, stateHash: hashOf(state) }))
        const opened = sealed === undefined ? Option.none() : openPending(wordsOf(mount.name, at, state), sealed)
        const pending = Option.getOrUndefined(opened)
        // A mount that became another meanwhile did not begin this.
        if (pending === undefined || pending.url !== mount.transport.url) {
          return yield* new SignInRefused({ explanation: GONE })
        }
        const { verifier, issuer, resource, kind, clientId, clientSecret } = pending
        const registered = clientSecret === undefined ? undefined : Redacted.make(clientSecret)
        const client = { kind, id: clientId, secret: kind === "typed" ? mount.signIn.clientSecret : registered }
        const server = yield* links.serverOf(mount, issuer)
        const current = new URL(`${callbackOf(baseUrl, mount.name)}?${query}`)
        const tokens = yield* exchange
          .redeem(mount, server, client, { current, verifier, state, resource })
          .pipe(
            Effect.tapError((failed) =>
              failed._tag === "SignInRefused" && failed.code === "invalid_client" && kind === "registered"
                ? identity.forget(mount, server.issuer, clientId)
                : Effect.void
            )
          )
        const owner = { mount: mount.name, personId: at.personId }
        const link = { refreshToken: undefined, resource, client }
        const { url } = mount.transport
        const isSaved = yield* operation(
          rows.saveLink(owner, { url, issuer }, links.newTokens(owner, url, link, tokens))
        )
        // They were disabled a moment ago.
        if (!isSaved) return yield* new SignInRefused({ explanation: GONE })
        return mount
      })

      const disconnect = Effect.fn("Vault.disconnect")(function* (name: string, personId: string) {
        if (!isUuid(personId)) return false
        const owner = { mount: name, personId }
        const row = yield* operation(rows.takeLink(owner))
        if (row === undefined) return false
        const mount = find(name)
        const link = mount && Option.getOrUndefined(links.open(mount, owner, row))
        if (mount !== undefined && link !== undefined) yield* links.revoke(mount, row.issuer, link)
        return true
      })

      const linksOf = Effect.fn("Vault.linksOf")(function* (personId: string) {
        const listed = yield* operation(rows.listLinks(personId))
        return listed.map(({ mount, url, created_at }): Linked => {
          return { mount, isGood: find(mount)?.transport.url === url, since: created_at }
        })
      })

      return Vault.of({
        begin,
        finish,
        linksOf,
        disconnect,
        sweep: (batch) => operation(rows.sweep(batch)),
        tokenOf,
        renewed
      })
    })
  )

  static readonly layer = Vault.layerWithAsking.pipe(Layer.provide(Asking.layer))
}

/** What requests to mounts take of it. */
export const VaultCredentials = Layer.effect(
  Credentials,
  Effect.map(Vault, ({ tokenOf, renewed }) => Credentials.of({ tokenOf, renewed }))
)
