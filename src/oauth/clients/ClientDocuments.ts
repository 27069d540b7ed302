/**
 * Clients known by the document at their `client_id`, and the public keys of clients: fetched from the public web, cached
 * by HTTP freshness, within a budget.
 *
 * To the caller every failure is the same absence; the reason is in the log.
 */

import { Cache, Context, Duration, Effect, Exit, Layer, Option, Result, Schema } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { freshness } from "../../net/freshness.ts"
import { PublicWeb, Unreachable, type WebAnswer } from "../../net/PublicWeb.ts"
import { callerAddress } from "../../web/clientAddress.ts"
import * as StrictJson from "../../web/json.ts"
import { Limiter } from "../../web/Limiter.ts"
import { ClientRegistry } from "./ClientRegistry.ts"
import type { Client } from "./client.ts"
import * as ClientDocument from "./document.ts"
import { type JsonWebKeySet, KeySet } from "./keySet.ts"
import { snapshots } from "./snapshots.ts"

const TIMEOUT = "5 seconds"
const MAX_KEY_BYTES = 64 * 1024
const CAPACITY = 1000
/** Of key sets, which are larger, and had by fewer. */
const KEY_SETS = 200
const LONGEST = Duration.hours(24)
const SHORTEST = Duration.minutes(1)
/** How long a failure is believed. */
const FAILURE = Duration.seconds(30)
/** A key that is not in the set may be new: then the set is fetched again, but not more often than this. */
const KEYS_AGAIN = Duration.minutes(1)

// Fetches in a minute. Clients that somebody consented to have a budget of their own, so that strangers who make us fetch
// whatever they name take nothing from them.
const STRANGERS = { address: 20, origin: 30, all: 600 }
const KNOWN = { origin: 300, all: 600 }

export interface DocumentClient {
  readonly client: Client
  /** The day of the copy that stood in, because the document itself could not be reached. */
  readonly snapshot: string | undefined
}

interface Fetched<A> {
  readonly value: A
  readonly fresh: Duration.Duration
}

/** Whose request makes us fetch. */
type Asked = ServerConfig | HttpServerRequest.HttpServerRequest

/** The document was fetched and is not one: a copy of an older one must not stand in for it. */
class Unusable extends Schema.TaggedError<Unusable>()("Unusable", { reason: Schema.String }) {}

export class ClientDocuments extends Context.Service<
  ClientDocuments,
  {
    /** The client at a document URL, or nothing that can be used. */
    readonly find: (url: string) => Effect.Effect<DocumentClient | undefined, never, Asked>
    /** The key set of a client at an https URL; `renew` when the one in the cache lacks a key. */
    readonly keys: (
      client: Client,
      url: string,
      renew: boolean
    ) => Effect.Effect<JsonWebKeySet | undefined, never, Asked>
  }
>()("gatehouse/oauth/ClientDocuments") {
  static readonly layer = Layer.effect(
    ClientDocuments,
    Effect.gen(function* () {
      const { registration } = yield* ServerConfig
      const web = yield* PublicWeb
      const limiter = yield* Limiter
      const registry = yield* ClientRegistry

      const take = (kind: string, key: string, limit: number) =>
        limiter
          .take(kind, key, { limit })
          .pipe(Effect.mapError(() => new Unreachable({ reason: `more than ${limit} fetches in a minute: ${kind}` })))

      /** Charged before the cache is asked: what one caller may not have fetched is not remembered as missing. */
      const charge = Effect.fnUntraced(function* (url: string, isKnown: boolean) {
        const { origin } = new URL(url)
        if (isKnown) {
          yield* take("documents, known, of an origin", origin, KNOWN.origin)
          return yield* take("documents, known", "all", KNOWN.all)
        }
        // The narrowest first, so that who has used up theirs takes nothing from others.
        yield* take("documents, by address", yield* callerAddress, STRANGERS.address)
        yield* take("documents, of an origin", origin, STRANGERS.origin)
        yield* take("documents", "all", STRANGERS.all)
      })

      const isKnown = (url: string) =>
        snapshots.has(url)
          ? Effect.succeed(true)
          : registry.find(url).pipe(
              Effect.map((client) => client?.origin === "document"),
              Effect.orElseSucceed(() => false)
            )

      const fetchJson = Effect.fn("ClientDocuments.fetchJson")(function* (url: string, maxBytes: number) {
        const answer = yield* web.get({ url, accept: ACCEPT, maxBytes, timeout: TIMEOUT })
        if (answer.status !== 200) return yield* new Unreachable({ reason: `it answered ${answer.status}` })
        if (!isJson(answer)) return yield* new Unreachable({ reason: "it answered something that is not JSON" })
        const text = Result.try(() => new TextDecoder("utf-8", { fatal: true }).decode(answer.body))
        const json = Option.flatMap(Result.getSuccess(text), StrictJson.parse)
        if (Option.isNone(json)) return yield* new Unreachable({ reason: "its JSON is broken" })
        const fresh = Duration.clamp(freshness(answer.headers), { minimum: SHORTEST, maximum: LONGEST })
        return { value: json.value, fresh } satisfies Fetched<unknown>
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

      /** The client that a document describes, or the copy of it. */
      const describe = Effect.fnUntraced(function* (
        url: string,
        document: Effect.Effect<Fetched<unknown>, Unreachable>
      ) {
        const { value, fresh, snapshot } = yield* document.pipe(
          Effect.map((fetched) => ({ ...fetched, snapshot: undefined })),
          Effect.catch((error) => standIn(url, error))
        )
        const client = yield* Effect.fromResult(ClientDocument.parse(url, value, registration.redirectSchemes)).pipe(
          Effect.mapError(({ description }) => new Unusable({ reason: description }))
        )
        return { value: { client, snapshot }, fresh } satisfies Fetched<DocumentClient>
      })

      const fetchClient = Effect.fn("ClientDocuments.fetchClient")((url: string) =>
        describe(url, fetchJson(url, ClientDocument.MAX_BYTES))
      )

      const fetchKeys = Effect.fn("ClientDocuments.fetchKeys")(function* (url: string) {
        const { value, fresh } = yield* fetchJson(url, MAX_KEY_BYTES)
        const keys = yield* Effect.mapError(decodeKeys(value), () => new Unusable({ reason: "it is not a key set" }))
        return { value: keys, fresh }
      })

      // The cache lets those who ask for the same at once wait for one answer.
      const clients = yield* Cache.makeWith(fetchClient, { capacity: CAPACITY, timeToLive })
      const keySets = yield* Cache.makeWith(fetchKeys, { capacity: KEY_SETS, timeToLive })
      const renewals = yield* Cache.make({
        // One that fails leaves the set that is there.
        lookup: (url: string) => Effect.tap(fetchKeys(url), (fetched) => Cache.set(keySets, url, fetched)),
        capacity: KEY_SETS,
        timeToLive: KEYS_AGAIN
      })

      const orAbsent =
        (what: string, url: string) =>
        <A, R>(fetched: Effect.Effect<Fetched<A>, Unreachable | Unusable, R>) =>
          fetched.pipe(
            Effect.map(({ value }): A | undefined => value),
            Effect.catch(({ reason }) =>
              Effect.as(Effect.logWarning(what).pipe(Effect.annotateLogs({ url, reason })), undefined)
            )
          )

      const find = Effect.fnUntraced(function* (url: string) {
        if (yield* Cache.has(clients, url)) return yield* Cache.get(clients, url)
        const known = yield* isKnown(url)
        // Those who ask for the same at once are charged for one fetch.
        const charged = yield* Effect.result((yield* Cache.has(clients, url)) ? Effect.void : charge(url, known))
        return yield* Result.isSuccess(charged) ? Cache.get(clients, url) : describe(url, charged.failure)
      })

      const keys = Effect.fnUntraced(function* ({ origin }: Client, url: string, renew: boolean) {
        const cache = renew ? renewals : keySets
        // Whoever registered by themselves may have named any address.
        if (!(yield* Cache.has(cache, url))) yield* charge(url, origin !== "dynamic")
        return yield* Cache.get(cache, url)
      })

      return ClientDocuments.of({
        find: (url) => orAbsent("a client's document cannot be used", url)(find(url)),
        keys: (client, url, renew) => orAbsent("a client's keys cannot be used", url)(keys(client, url, renew))
      })
    })
  ).pipe(Layer.provide(Limiter.layer))
}

const timeToLive = (exit: Exit.Exit<Fetched<unknown>, unknown>) => (Exit.isSuccess(exit) ? exit.value.fresh : FAILURE)

const decodeKeys = Schema.decodeUnknownEffect(KeySet)

/** Key sets may have a type of their own (RFC 7517 §8.5); who answers something else is not turned away by us. */
const ACCEPT = "application/json, application/jwk-set+json;q=0.9, */*;q=0.1"

/** `application/json`, or a type of that structure (RFC 6839 §3.1), whatever its case and parameters. */
const isJson = ({ headers }: WebAnswer) =>
  /^application\/([\w.+-]+\+)?json$/i.test(headers["content-type"]?.split(";")[0]?.trim() ?? "")
