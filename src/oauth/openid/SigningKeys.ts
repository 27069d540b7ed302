/**
 * The keys that sign ID tokens (OpenID Connect Core §10.1): made once, in the background of the first start, kept sealed in
 * the database, told at `/jwks`. A new one is told before it signs, and an old one as long as what it signed is good.
 */

import { Context, Deferred, Duration, Effect, Layer, MutableRef, Option, type Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT
} from "jose"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { operation, StoreUnavailable } from "../../database/query.ts"
import { ID_TOKEN_ALGORITHMS, type IdTokenAlgorithm } from "../clients/client.ts"
import { orTell } from "../tokens/background.ts"
import { type ServerKey, ServerKeys } from "../tokens/ServerKeys.ts"
import { open, seal } from "./seal.ts"
import { add, all, type NewKey } from "./signingKeys.sql.ts"

/** How long an ID token is good: a client reads it once, when it gets it. */
export const ID_TOKEN_SECONDS = 3600
/** How often an instance looks for new keys; one signs after twice this time, so that `/jwks` tells of it everywhere by then. */
const REFRESH_SECONDS = 60
const MATURE_SECONDS = 2 * REFRESH_SECONDS
/** How much longer an old key is told: until what the slowest instance signed with it has expired. */
const RETIRED_SECONDS = MATURE_SECONDS + REFRESH_SECONDS + ID_TOKEN_SECONDS
/** How long whoever asks waits for the first keys, whose making takes a second. */
const PATIENCE = Duration.seconds(8)

type PrivateKey = Awaited<ReturnType<typeof importJWK>>
type Stored = Effect.Success<ReturnType<typeof all>>[number]
/** Without a private key where this server cannot open it: then another `SEALING_KEY` was set when it was made. */
type Loaded = Stored & { readonly privateKey: PrivateKey | undefined }

interface Keyring {
  readonly signing: ReadonlyMap<IdTokenAlgorithm, Loaded>
  readonly published: ReadonlyArray<Loaded>
  readonly known: ReadonlyArray<Loaded>
}

/** Signs claims with a key that is at hand. */
export type Signer = (claims: Readonly<Record<string, unknown>>) => Effect.Effect<string>

const attempt = <A>(work: () => Promise<A>) =>
  Effect.tryPromise({ try: work, catch: (cause) => new StoreUnavailable({ cause }) })

/** Off the event loop: node makes keys on its thread pool. */
const make = (alg: IdTokenAlgorithm, server: ServerKey, secret: Redacted.Redacted | undefined) =>
  attempt(async (): Promise<NewKey> => {
    const pair = await generateKeyPair(alg, { extractable: true })
    const publicJwk = { ...(await exportJWK(pair.publicKey)), alg, use: "sig" }
    const kid = await calculateJwkThumbprint(publicJwk)
    const content = JSON.stringify(await exportJWK(pair.privateKey))
    return { kid, alg, publicJwk: { ...publicJwk, kid }, sealedPrivate: seal(server, secret, kid, content) }
  })

const makeAll = Effect.gen(function* () {
  const { sealingKey } = yield* ServerConfig
  const server = (yield* ServerKeys).signing()
  return yield* Effect.forEach(ID_TOKEN_ALGORITHMS, (alg) => make(alg, server, sealingKey))
})

/** Adds a key for each algorithm; running servers learn of it, and sign with it two minutes later. */
export const rotateSigningKeys = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* operation(Effect.flatMap(makeAll, (keys) => add(sql, keys)))
})

/** What signs, and what is told, of all that there are, the newest first. */
export const ringOf = (known: ReadonlyArray<Loaded>): Keyring => {
  // What this server cannot open is another's, if anybody's: told, since it may sign there, but nothing is retired by it.
  const own = known.filter(({ privateKey }) => privateKey !== undefined)
  const signing = new Map(
    ID_TOKEN_ALGORITHMS.flatMap((alg) => {
      const mine = own.filter((key) => key.alg === alg)
      const key = mine.find(({ age }) => age > MATURE_SECONDS) ?? mine.at(-1)
      return key === undefined ? [] : [[alg, key] as const]
    })
  )
  const published = known.filter((key) => {
    const next = own.findLast((other) => other.alg === key.alg && other.age < key.age)
    return signing.get(key.alg) === key || next === undefined || next.age < RETIRED_SECONDS
  })
  return { signing, published, known }
}

export class SigningKeys extends Context.Service<
  SigningKeys,
  {
    /** RFC 7517: what verifies ID tokens, those of today and those that are good still. */
    readonly published: Effect.Effect<{ readonly keys: ReadonlyArray<object> }, StoreUnavailable>
    /** What will sign: at hand before anything is given up for it. */
    readonly signer: (alg: IdTokenAlgorithm) => Effect.Effect<Signer, StoreUnavailable>
    /** The claims of an ID token of ours, however old (OpenID Connect Core §3.1.2.1, `id_token_hint`). */
    readonly read: (token: string) => Effect.Effect<Option.Option<{ readonly sub: string; readonly aud: string }>>
    /** Adds a key for each algorithm. */
    readonly rotate: Effect.Effect<void, StoreUnavailable>
  }
>()("gatehouse/oauth/SigningKeys") {
  static readonly layer = Layer.effect(
    SigningKeys,
    Effect.gen(function* () {
      const services = yield* Effect.context<SqlClient.SqlClient | ServerKeys | ServerConfig>()
      const sql = yield* SqlClient.SqlClient
      const server = yield* ServerKeys
      const { issuer, sealingKey } = yield* ServerConfig
      const keyring = MutableRef.make<Keyring>(ringOf([]))
      const ready = yield* Deferred.make<void>()

      const unsealed = ({ kid, alg, sealed_private }: Stored) =>
        Option.match(open(server.byId, sealingKey, kid, sealed_private), {
          onNone: () => Effect.undefined,
          onSome: (content) => attempt(() => importJWK(JSON.parse(content), alg))
        })

      const load = Effect.gen(function* () {
        const found = yield* all(sql)
        const before = new Map(MutableRef.get(keyring).known.map((key) => [key.kid, key.privateKey]))
        const known = yield* Effect.forEach(found, (key) =>
          Effect.map(before.has(key.kid) ? Effect.succeed(before.get(key.kid)) : unsealed(key), (privateKey) => ({
            ...key,
            privateKey
          }))
        )
        MutableRef.set(keyring, ringOf(known))
      })

      /** Of several instances that start at once the first adds its keys, and the others take those. */
      const prepare = Effect.gen(function* () {
        yield* load
        const { signing, known } = MutableRef.get(keyring)
        if (signing.size === ID_TOKEN_ALGORITHMS.length) return
        if (known.length > 0) {
          yield* Effect.logWarning("keys of ID tokens do not open (was SEALING_KEY changed?): new ones are made")
        }
        yield* add(sql, yield* makeAll, new Set(known.map(({ kid }) => kid)))
        yield* load
      })

      yield* operation(prepare).pipe(
        Effect.andThen(Deferred.succeed(ready, undefined)),
        Effect.tapCause((cause) =>
          Effect.logWarning("keys of ID tokens could not be prepared; it is tried again", cause)
        ),
        Effect.retry(Schedule.spaced("5 seconds")),
        Effect.andThen(
          operation(load).pipe(
            orTell("keys of ID tokens could not be refreshed"),
            Effect.delay(`${REFRESH_SECONDS} seconds`),
            Effect.repeat(Schedule.forever)
          )
        ),
        Effect.forkScoped
      )

      const current = Deferred.await(ready).pipe(
        Effect.timeoutOrElse({
          duration: PATIENCE,
          orElse: () => Effect.fail(new StoreUnavailable({ cause: new Error("no keys of ID tokens yet") }))
        }),
        Effect.map(() => MutableRef.get(keyring))
      )

      const verified = (token: string, { known }: Keyring) =>
        Effect.tryPromise(async () => {
          const { kid } = decodeProtectedHeader(token)
          const key = known.find((one) => one.kid === kid)
          if (key === undefined) return Option.none()
          const publicKey = await importJWK({ ...key.public_jwk, kty: String(key.public_jwk.kty) }, key.alg)
          // A hint says who it was, not that they are here: it may be old (OpenID Connect RP-Initiated Logout §4).
          const { payload } = await jwtVerify(token, publicKey, { issuer, currentDate: new Date(0) })
          const { sub, aud } = payload
          return sub === undefined || typeof aud !== "string" ? Option.none() : Option.some({ sub, aud })
        })

      return SigningKeys.of({
        published: Effect.map(current, ({ published }) => ({ keys: published.map((key) => key.public_jwk) })),
        signer: Effect.fnUntraced(function* (alg) {
          const key = (yield* current).signing.get(alg)
          const privateKey = key?.privateKey
          if (key === undefined || privateKey === undefined) {
            return yield* new StoreUnavailable({ cause: new Error(`no key for ${alg}`) })
          }
          const signer: Signer = (claims) =>
            Effect.promise(() =>
              new SignJWT({ ...claims }).setProtectedHeader({ alg, kid: key.kid, typ: "JWT" }).sign(privateKey)
            )
          return signer
        }),
        read: (token) =>
          Effect.flatMap(current, (ring) => verified(token, ring)).pipe(
            Effect.orElseSucceed(() => Option.none<{ readonly sub: string; readonly aud: string }>())
          ),
        rotate: Effect.provideContext(rotateSigningKeys, services)
      })
    })
  )
}
