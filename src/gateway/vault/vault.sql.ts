/** The vault's rows: sign-ins on their way, links of people, clients that were registered. All that is secret arrives here sealed. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../../database/query.ts"

const SealedRow = Schema.Struct({ sealed: Schema.Uint8Array })
const CountRow = Schema.Struct({ count: Schema.Number })
const Key = Schema.Struct({ mount: Schema.String })

/** A link, as whoever needs its token finds it. */
const LinkRow = Schema.Struct({
  url: Schema.String,
  issuer: Schema.String,
  scope: Schema.NullOr(Schema.String),
  sealed: Schema.Uint8Array,
  /** Seconds of life that the access token has, where that was said. */
  life: Schema.NullOr(Schema.Number),
  /** Whether somebody asks for new tokens right now; null where nobody began to. */
  is_refreshing: Schema.NullOr(Schema.Boolean)
})
export type LinkRow = typeof LinkRow.Type

/** A link, as its person sees it. */
const ListedRow = Schema.Struct({
  mount: Schema.String,
  url: Schema.String,
  issuer: Schema.String,
  created_at: Schema.Date
})
export type ListedRow = typeof ListedRow.Type

/** Whose link, and where. Both are asked for by every statement: there is no way to another person's. */
export interface Owner {
  readonly mount: string
  readonly personId: string
}

export interface NewTokens {
  readonly sealed: Uint8Array
  readonly scope: string | undefined
  readonly expiresIn: number | undefined
}

export interface NewSignIn extends Owner {
  readonly stateHash: Uint8Array
  readonly browserSession: string
  readonly sealed: Uint8Array
  readonly seconds: number
}

export interface SignInKey extends Owner {
  readonly stateHash: Uint8Array
  readonly browserSession: string
}

/** How many sign-ins somebody may have on their way: the oldest give way. */
const MOST_SIGN_INS = 20

export const makeVaultRows = (sql: SqlClient.SqlClient) => {
  const decodeSealed = firstRow(SealedRow)
  const decodeCount = firstRow(CountRow)
  const decodeLink = firstRow(LinkRow)
  const decodeKey = firstRow(Key)
  const decodeListed = rows(ListedRow)
  const expiry = (seconds: number | undefined) =>
    sql`clock_timestamp() + make_interval(secs => ${seconds ?? null}::double precision)`

  return {
    beginSignIn: Effect.fn("vault.beginSignIn")(function* (given: NewSignIn) {
      yield* sql`
        delete from mcp.server_sign_ins where state_hash in (
          select state_hash from mcp.server_sign_ins where person_id = ${given.personId}
          order by expires_at desc offset ${MOST_SIGN_INS - 1})`
      yield* sql`
        insert into mcp.server_sign_ins (state_hash, mount, person_id, browser_session, sealed, expires_at)
        values (${given.stateHash}, ${given.mount}, ${given.personId}, ${given.browserSession}, ${given.sealed},
                ${expiry(given.seconds)})`
    }),

    /** What was begun with this state, in this browser by this person: once. Another browser's is left to it. */
    takeSignIn: Effect.fn("vault.takeSignIn")(function* ({ stateHash, mount, personId, browserSession }: SignInKey) {
      const taken = yield* decodeSealed(sql`
        delete from mcp.server_sign_ins
        where state_hash = ${stateHash} and mount = ${mount} and person_id = ${personId}
          and browser_session = ${browserSession} and expires_at > clock_timestamp()
        returning sealed`)
      return taken?.sealed
    }),

    /** A link, in the place of one that was there; false for somebody who may not be here any more. */
    saveLink: Effect.fn("vault.saveLink")(function* (
      { mount, personId }: Owner,
      { url, issuer }: { readonly url: string; readonly issuer: string },
      { sealed, scope, expiresIn }: NewTokens
    ) {
      const saved = yield* decodeKey(sql`
        insert into mcp.server_links (mount, person_id, url, issuer, scope, sealed, expires_at)
        select ${mount}, id, ${url}, ${issuer}, ${scope ?? null}, ${sealed}, ${expiry(expiresIn)}
        from mcp.people where id = ${personId} and disabled_at is null for share
        on conflict (mount, person_id) do update
          set url = excluded.url, issuer = excluded.issuer, scope = excluded.scope, sealed = excluded.sealed,
              expires_at = excluded.expires_at, created_at = clock_timestamp(), refreshed_at = clock_timestamp(),
              refreshing_until = null
        returning mount`)
      return saved !== undefined
    }),

    /** Of a person who is disabled nothing is found, until they are here again. */
    findLink: ({ mount, personId }: Owner) =>
      decodeLink(sql`
        select l.url, l.issuer, l.scope, l.sealed,
               extract(epoch from l.expires_at - clock_timestamp())::double precision as life,
               l.refreshing_until > clock_timestamp() as is_refreshing
        from mcp.server_links l join mcp.people p on p.id = l.person_id
        where l.mount = ${mount} and l.person_id = ${personId} and p.disabled_at is null`),

    listLinks: (personId: string) =>
      decodeListed(sql`
        select mount, url, issuer, created_at from mcp.server_links where person_id = ${personId} order by mount`),

    /**
     * The right to ask for new tokens, for one instance and so many seconds: taken under the row's lock, and kept without it, so
     * that no authorization server keeps a connection of the pool.
     */
    claimLink: Effect.fn("vault.claimLink")(function* (
      { mount, personId }: Owner,
      sealed: Uint8Array,
      seconds: number
    ) {
      const claimed = yield* decodeKey(sql`
        update mcp.server_links set refreshing_until = ${expiry(seconds)}
        where mount = ${mount} and person_id = ${personId} and sealed = ${sealed}
          and (refreshing_until is null or refreshing_until <= clock_timestamp())
        returning mount`)
      return claimed !== undefined
    }),

    /** Whether the link was still the one that was claimed; also where that is written already, and only the answer was lost. */
    renewLink: Effect.fn("vault.renewLink")(function* (
      { mount, personId }: Owner,
      before: Uint8Array,
      { sealed, scope, expiresIn }: NewTokens
    ) {
      const renewed = yield* decodeKey(sql`
        update mcp.server_links
        set sealed = ${sealed}, scope = coalesce(${scope ?? null}, scope), expires_at = ${expiry(expiresIn)},
            refreshed_at = clock_timestamp(), refreshing_until = null
        where mount = ${mount} and person_id = ${personId} and sealed in (${before}, ${sealed}) returning mount`)
      return renewed !== undefined
    }),

    releaseLink: ({ mount, personId }: Owner, sealed: Uint8Array) => sql`
      update mcp.server_links set refreshing_until = null
      where mount = ${mount} and person_id = ${personId} and sealed = ${sealed}`,

    /** The same tokens under the key that seals now; not while somebody asks for others. */
    resealLink: ({ mount, personId }: Owner, before: Uint8Array, sealed: Uint8Array) => sql`
      update mcp.server_links set sealed = ${sealed}
      where mount = ${mount} and person_id = ${personId} and sealed = ${before} and refreshing_until is null`,

    /** A link that came to its end; not one that has taken its place meanwhile. */
    endLink: ({ mount, personId }: Owner, sealed: Uint8Array) => sql`
      delete from mcp.server_links where mount = ${mount} and person_id = ${personId} and sealed = ${sealed}`,

    /** Ends a link at its person's word, and answers what it was. */
    takeLink: ({ mount, personId }: Owner) =>
      decodeLink(sql`
        delete from mcp.server_links where mount = ${mount} and person_id = ${personId}
        returning url, issuer, scope, sealed, null::double precision as life, null::boolean as is_refreshing`),

    findClient: Effect.fn("vault.findClient")(function* (mount: string, issuer: string, redirectUri: string) {
      const found = yield* decodeSealed(sql`
        select sealed from mcp.server_clients
        where mount = ${mount} and issuer = ${issuer} and redirect_uri = ${redirectUri}
          and (expires_at is null or expires_at > clock_timestamp() + interval '10 minutes')`)
      return found?.sealed
    }),

    /** `until` is in seconds since 1970, as the registration says it (RFC 7591 §3.2.1): 0 is never. */
    saveClient: (mount: string, issuer: string, redirectUri: string, sealed: Uint8Array, until: number) => sql`
      insert into mcp.server_clients (mount, issuer, redirect_uri, sealed, expires_at)
      values (${mount}, ${issuer}, ${redirectUri}, ${sealed}, ${until === 0 ? null : new Date(until * 1000)})
      on conflict (mount, issuer) do update
        set redirect_uri = excluded.redirect_uri, sealed = excluded.sealed, expires_at = excluded.expires_at,
            created_at = clock_timestamp()`,

    forgetClient: (mount: string, issuer: string, sealed: Uint8Array) => sql`
      delete from mcp.server_clients where mount = ${mount} and issuer = ${issuer} and sealed = ${sealed}`,

    /** Sign-ins that nobody came back from; by `now()`, as all sweeps are. */
    sweep: Effect.fn("vault.sweep")(function* (batch: number) {
      const gone = yield* decodeCount(sql`
        with gone as (
          delete from mcp.server_sign_ins where ctid = any(array(
            select ctid from mcp.server_sign_ins where expires_at <= now()
            order by expires_at limit ${batch} for update skip locked
          )) returning 1
        )
        select count(*)::int as count from gone`)
      return { serverSignIns: gone?.count ?? 0 }
    })
  }
}
export type VaultRows = ReturnType<typeof makeVaultRows>
