/**
 * Clients known by the document at their `client_id`, and the public keys of clients: fetched from the public web, cached
 * by HTTP freshness, within a budget.
 *
 * To the caller every failure is the same absence; the reason is in the log.
 */

import { Cache, Context, Duration, Effect, Exit, Layer, Result, Schema } from "effect"
import { RateLimiter } from "effect/persistence"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { freshness } from "../../net/freshness.ts"
import { PublicWeb, Unreachable, type WebAnswer } from "../../net/PublicWeb.ts"
import type { Client } from "./client.ts"
import * as ClientDocument from "./document.ts"
import { type JsonWebKeySet, KeySet } from "./keySet.ts"
import { snapshots } from "./snapshots.ts"

const TIMEOUT = "5 seconds"
const MAX_KEY_BYTES = 64 * 1024
const CAPACITY = 1000
const LONGEST = Duration.hours(24)
const SHORTEST = Duration.minutes(1)
/** How long a failure is believed. */
const FAILURE = Duration.seconds(30)
/** A key that is not in the set may be new: then the set is fetched again, but not more often than this. */
const KEYS_AGAIN = Duration.minutes(1)
const PER_ORIGIN_AND_MINUTE = 30
const ALL_PER_MINUTE = 300

export interface DocumentClient {
  readonly client: Client
  /** The day of the copy that stood in, because the document itself could not be reached. */
  readonly snapshot: string | undefined
}

interface Fetched<A> {
  readonly value: A
  readonly fresh: Duration.Duration
}

/** The document was fetched and is not one: a copy of an older one must not stand in for it. */
class Unusable extends Schema.TaggedError<Unusable>()("Unusable", { reason: Schema.String }) {}

export class ClientDocuments extends Context.Service<
  ClientDocuments,
  {
    /** The client at a document URL, or nothing that can be used. */
    readonly find: (url: string) => Effect.Effect<DocumentClient | undefined>
    /** The key set at an https URL; `renew` when the one in the cache lacks a key. */
    readonly keys: (url: string, renew: boolean) => Effect.Effect<JsonWebKeySet | undefined>
  }
>()("gatehouse/oauth/ClientDocuments") {
  static readonly layer = Layer.effect(
    ClientDocuments,
    Effect.gen(function* () {
      const { registration } = yield* ServerConfig
      const web = yield* PublicWeb
      const limiter = yield* RateLimiter.RateLimiter

      const budget = (key: string, limit: number) =>
        limiter
          .consume({ key, limit, window: "1 minute", tokens: 1 })
          .pipe(Effect.mapError(() => new Unreachable({ reason: `more than ${limit} requests in a minute to ${key}` })))

      const fetchJson = Effect.fn("ClientDocuments.fetchJson")(function* (url: string, maxBytes: number) {
        yield* budget("everywhere", ALL_PER_MINUTE)
        yield* budget(new URL(url).origin, PER_ORIGIN_AND_MINUTE)
        const answer = yield* web.get({ url, accept: "application/json", maxBytes, timeout: TIMEOUT })
        if (answer.status !== 200) return yield* new Unreachable({ reason: `it answered ${answer.status}` })
        if (!isJson(answer)) return yield* new Unreachable({ reason: "it answered something that is not JSON" })
        const text = Result.try((): unknown =>
          JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(answer.body))
        )
        if (Result.isFailure(text)) return yield* new Unreachable({ reason: "its JSON is broken" })
        const fresh = Duration.clamp(freshness(answer.headers), { minimum: SHORTEST, maximum: LONGEST })
        return { value: text.success, fresh } satisfies Fetched<unknown>
      })

      /** Vendors' servers turn strangers away now and then; the best-known documents are at hand for that. */
      const standIn = Effect.fnUntraced(function* (url: string, error: Unreachable) {
        const copy = snapshots.get(url)
        if (copy === undefined) return yield* error
        yield* Effect.logWarning("a client's document could not be fetched; a copy stands in").pipe(
          Effect.annotateLogs({ client_id: url, reason: error.reason, copied: copy.date })
        )
        return { value: copy.document, fresh: FAILURE, snapshot: copy.date }
      })

      const fetchClient = Effect.fn("ClientDocuments.fetchClient")(function* (url: string) {
        const { value, fresh, snapshot } = yield* fetchJson(url, ClientDocument.MAX_BYTES).pipe(
          Effect.map((fetched) => ({ ...fetched, snapshot: undefined })),
          Effect.catchTag("Unreachable", (error) => standIn(url, error))
        )
        const client = yield* Effect.fromResult(ClientDocument.parse(url, value, registration.redirectSchemes)).pipe(
          Effect.mapError(({ description }) => new Unusable({ reason: description }))
        )
        return { value: { client, snapshot }, fresh } satisfies Fetched<DocumentClient>
      })

      const fetchKeys = Effect.fn("ClientDocuments.fetchKeys")(function* (url: string) {
        const { value, fresh } = yield* fetchJson(url, MAX_KEY_BYTES)
        const keys = yield* Effect.mapError(decodeKeys(value), () => new Unusable({ reason: "it is not a key set" }))
        return { value: keys, fresh }
      })

      // The cache lets those who ask for the same at once wait for one answer.
      const clients = yield* Cache.makeWith(fetchClient, { capacity: CAPACITY, timeToLive })
      const keySets = yield* Cache.makeWith(fetchKeys, { capacity: CAPACITY, timeToLive })
      const renewals = yield* Cache.make({
        lookup: (url: string) => Cache.refresh(keySets, url),
        capacity: CAPACITY,
        timeToLive: KEYS_AGAIN
      })

      const orAbsent =
        (what: string, url: string) =>
        <A>(fetched: Effect.Effect<Fetched<A>, Unreachable | Unusable>) =>
          fetched.pipe(
            Effect.map(({ value }): A | undefined => value),
            Effect.catch(({ reason }) =>
              Effect.as(Effect.logWarning(what).pipe(Effect.annotateLogs({ url, reason })), undefined)
            )
          )

      return ClientDocuments.of({
        find: (url) => orAbsent("a client's document cannot be used", url)(Cache.get(clients, url)),
        keys: (url, renew) =>
          orAbsent("a client's keys cannot be used", url)(Cache.get(renew ? renewals : keySets, url))
      })
    })
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}

const timeToLive = (exit: Exit.Exit<Fetched<unknown>, unknown>) => (Exit.isSuccess(exit) ? exit.value.fresh : FAILURE)

const decodeKeys = Schema.decodeUnknownEffect(KeySet)

const isJson = ({ headers }: WebAnswer) =>
  /^application\/([\w.+-]+\+)?json$/i.test(headers["content-type"]?.split(";")[0]?.trim() ?? "")
