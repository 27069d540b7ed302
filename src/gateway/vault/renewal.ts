/**
 * The token of a person for a mount: theirs, alive, or none. New ones are asked for by one instance at a time, since a refresh token that
 * is shown twice ends everything where reuse is noticed (RFC 9700 §4.14.2): the right to it is taken under the row's lock, and the
 * others wait for what the one that has it writes.
 */

import { Effect, Fiber, Option, Redacted, Schedule, type Scope } from "effect"
import { isUuid, operation, type StoreUnavailable } from "../../database/query.ts"
import { SignInNeeded, UpstreamUnavailable } from "../failures.ts"
import type { Mount } from "../mount.ts"
import { type HttpMount, isSignedInAt } from "./discovery.ts"
import type { Exchange } from "./exchange.ts"
import type { makeIdentity } from "./identity.ts"
import type { Link, Links } from "./links.ts"
import type { Sealing } from "./seal.ts"
import type { LinkRow, Owner, VaultRows } from "./vault.sql.ts"

/** A token that has less life left is renewed before it is used. */
const ENOUGH_SECONDS = 60
/** Longer than the request to the authorization server and the writing of its answer take together. */
const CLAIM_SECONDS = 30
/** So long a database may be away when they are to be written; with the last try, what is left of a claim. */
const WRITTEN = Schedule.upTo(Schedule.spaced("250 millis"), { duration: "10 seconds" })
/** How often those that wait look, and how many times: longer than a claim that nobody honours. */
const LOOK_EVERY = "250 millis"
const LOOKS = 140

type Failed = SignInNeeded | UpstreamUnavailable

export interface Renewing {
  readonly rows: VaultRows
  readonly links: Links
  readonly exchange: Exchange
  readonly sealing: Sealing
  readonly identity: ReturnType<typeof makeIdentity>
  /** What is being asked ends before this does. */
  readonly scope: Scope.Scope
}

export const makeRenewal = ({ rows, links, exchange, sealing, identity, scope }: Renewing) => {
  const quiet = ({ title }: Mount) =>
    new UpstreamUnavailable({ message: `The sign-in of ${title} does not answer. Try again later.` })
  const unreachable = new UpstreamUnavailable({
    message: "This server cannot reach its database. Try again in a moment."
  })

  /** Asks for new tokens: the one that was let to. What it gets is written, whoever is still waiting for it. */
  const renew = Effect.fn("vault.renew")(function* (mount: HttpMount, owner: Owner, row: LinkRow, link: Link) {
    const needed = new SignInNeeded({ mount: mount.name })
    const { refreshToken } = link
    if (refreshToken === undefined) return yield* needed
    const ended = (why: string) =>
      Effect.andThen(
        Effect.logInfo("a person's sign-in at a mount is over", { mount: mount.name, why }),
        Effect.andThen(operation(rows.endLink(owner, row.sealed)), Effect.fail(needed))
      )
    const server = yield* links.serverOf(mount, row.issuer)
    return yield* exchange.refresh(mount, server, link.client, refreshToken, link.resource).pipe(
      Effect.matchEffect({
        onSuccess: Effect.fnUntraced(function* (tokens) {
          const next = links.newTokens(owner, row.url, link, tokens)
          // The one that was shown is spent, so what came for it is not given up with the first connection that is lost.
          const isWritten = yield* Effect.retry(operation(rows.renewLink(owner, row.sealed, next)), WRITTEN)
          if (isWritten) return tokens.accessToken
          // Disconnected meanwhile: what has just been given is given back.
          yield* links.revoke(mount, row.issuer, {
            ...link,
            ...tokens,
            refreshToken: tokens.refreshToken ?? refreshToken
          })
          return yield* needed
        }),
        onFailure: Effect.fnUntraced(function* (failed) {
          if (failed._tag === "UpstreamUnavailable") return yield* failed
          if (failed.code === "invalid_grant") return yield* ended("invalid_grant")
          // Who was registered there is forgotten there, and so is what they were given.
          if (failed.code === "invalid_client" && link.client.kind === "registered") {
            yield* identity.forget(mount, row.issuer, link.client.id)
            return yield* ended("invalid_client")
          }
          // The owner's client, or an answer that does not hold: nothing that a person could mend by signing in again.
          return yield* quiet(mount)
        })
      })
    )
  })

  /**
   * Takes the right to ask, and asks; nothing where somebody else has it. In a fiber of its own, which no caller ends: a token that was
   * taken out and not written down would be lost, and the link with it.
   */
  const once = Effect.fn("vault.renewOnce")(function* (mount: HttpMount, owner: Owner, row: LinkRow, link: Link) {
    const attempt = Effect.gen(function* () {
      // Before the right to it is taken: who cannot be asked keeps nobody waiting.
      yield* links.serverOf(mount, row.issuer)
      if (!(yield* operation(rows.claimLink(owner, row.sealed, CLAIM_SECONDS)))) return undefined
      return yield* Effect.onError(renew(mount, owner, row, link), () =>
        Effect.ignore(operation(rows.releaseLink(owner, row.sealed)))
      )
    }).pipe(Effect.catchTag("SignInRefused", () => Effect.fail(quiet(mount))))
    return yield* Fiber.join(yield* Effect.forkIn(Effect.uninterruptible(attempt), scope))
  })

  const find = (mount: HttpMount, owner: Owner) =>
    Effect.gen(function* () {
      const row = yield* operation(rows.findLink(owner))
      if (row === undefined) return undefined
      const link = Option.getOrUndefined(links.open(mount, owner, row))
      return link && { row, link }
    })

  /** The same tokens under the key that seals now, so that old keys come to hold nothing. */
  const reseal = (owner: Owner, { row, link }: { readonly row: LinkRow; readonly link: Link }) =>
    sealing.isOld(row.sealed)
      ? operation(rows.resealLink(owner, row.sealed, links.sealedOf(owner, row.url, link)))
      : Effect.void

  const tokenFor = Effect.fn("vault.tokenFor")(function* (
    mount: Mount,
    subject: string,
    refused: Redacted.Redacted | undefined
  ): Effect.fn.Return<Redacted.Redacted, Failed | StoreUnavailable> {
    const needed = new SignInNeeded({ mount: mount.name })
    // Subjects that are no people (the demo's) have no way in anywhere.
    if (!isSignedInAt(mount) || !isUuid(subject)) return yield* needed
    const owner = { mount: mount.name, personId: subject }
    let hasWaited = false
    for (let look = 0; look < LOOKS; look++) {
      const found = yield* find(mount, owner)
      if (found === undefined) return yield* needed
      const { row, link } = found
      const isRefused = refused !== undefined && Redacted.value(link.accessToken) === Redacted.value(refused)
      // What was asked for while this one waited is new, however short it lives.
      const isGood = row.life === null || row.life >= (hasWaited ? 1 : ENOUGH_SECONDS)
      if (isGood && !isRefused && !(hasWaited && row.is_refreshing === true)) {
        yield* reseal(owner, found)
        return link.accessToken
      }
      const isAlive = !isRefused && (row.life === null || row.life > 0)
      if (link.refreshToken === undefined) {
        if (isAlive) return link.accessToken
        yield* operation(rows.endLink(owner, row.sealed))
        return yield* needed
      }
      if (row.is_refreshing === true) {
        hasWaited = true
        yield* Effect.sleep(LOOK_EVERY)
        continue
      }
      // Whoever had the right to it gave it back without a token.
      if (hasWaited && row.is_refreshing === null) return yield* quiet(mount)
      const renewed = yield* once(mount, owner, row, link).pipe(
        // It lives for a moment yet: nobody is turned away early.
        Effect.catchTag("UpstreamUnavailable", (failed) =>
          isAlive ? Effect.succeed(link.accessToken) : Effect.fail(failed)
        )
      )
      if (renewed !== undefined) return renewed
    }
    return yield* quiet(mount)
  })

  const settled = (mount: Mount, subject: string, refused: Redacted.Redacted | undefined) =>
    tokenFor(mount, subject, refused).pipe(Effect.catchTag("StoreUnavailable", () => Effect.fail(unreachable)))

  return {
    tokenOf: (mount: Mount, subject: string): Effect.Effect<Redacted.Redacted, Failed> =>
      settled(mount, subject, undefined),
    renewed: (mount: Mount, subject: string, refused: Redacted.Redacted): Effect.Effect<Redacted.Redacted, Failed> =>
      settled(mount, subject, refused)
  }
}
