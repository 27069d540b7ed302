/**
 * Signing in through upstream OpenID providers: this server as a relying party (OpenID Connect Core §3.1, RFC 9700 §2.1),
 * with PKCE, state and nonce, each good once and for the browser that began. What a provider says is verified, its
 * signature included; whom it lets in is judged elsewhere.
 */

import { randomBytes } from "node:crypto"
import { Cache, Clock, Context, Duration, Effect, Exit, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as client from "openid-client"
import { isGoogle, type ProviderConfig } from "../../config/providers.ts"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { operation, type StoreUnavailable } from "../../database/query.ts"
import { boundedFetch } from "../../net/boundedFetch.ts"
import { Outbound, OutboundTimeout } from "../../net/outbound.ts"
import { challengeOf } from "../../oauth/pkce.ts"
import { makeCeremonies } from "../ceremonies.sql.ts"
import { type Identity, identityOf } from "./identity.ts"
import { refusalOf, UpstreamRefused, UpstreamUnavailable, whyOf } from "./refusals.ts"

/** What follows when the provider has said who it is. */
export const Purpose = Schema.Union([
  Schema.TaggedStruct("SignIn", { returnTo: Schema.String, isAgain: Schema.Boolean }),
  /** Another way in for a person who is signed in: in that browser session alone. */
  Schema.TaggedStruct("Link", { personId: Schema.String, sessionId: Schema.String }),
  /** A link is followed. Of its code there is the hash, base64url: whoever reads the database gets no use of it. */
  Schema.TaggedStruct("Enrol", {
    kind: Schema.Literals(["setup", "invitation", "reset"]),
    codeHash: Schema.String,
    name: Schema.String,
    email: Schema.String
  })
])
export type Purpose = typeof Purpose.Type

const Ceremony = Schema.Struct({
  verifier: Schema.String,
  state: Schema.String,
  nonce: Schema.String,
  purpose: Purpose
})
/** A sign-in that was begun. */
export type Ceremony = typeof Ceremony.Type
const isCeremony = Schema.is(Ceremony)

/** A person has so long at the provider. */
export const CEREMONY_SECONDS = 600

/** What is needed of a provider's metadata (OpenID Connect Discovery §3); the rest is kept for the library. */
const Metadata = Schema.StructWithRest(
  Schema.Struct({
    issuer: Schema.String,
    authorization_endpoint: Schema.String,
    token_endpoint: Schema.String,
    jwks_uri: Schema.String
  }),
  [Schema.Record(Schema.String, Schema.Json)]
)
const DISCOVERED_FOR = Duration.hours(1)

/** Absent is the way that RFC 6749 §2.3.1 asks every server to know. */
const authenticationOf = ({ token_endpoint_auth_methods_supported: known }: typeof Metadata.Type, secret: string) =>
  Array.isArray(known) && !known.includes("client_secret_basic")
    ? client.ClientSecretPost(secret)
    : client.ClientSecretBasic(secret)

const random = () => randomBytes(32).toString("base64url")

type Failed = UpstreamRefused | UpstreamUnavailable

export class Upstream extends Context.Service<
  Upstream,
  {
    /**
     * Where the browser goes, the id that it comes back with, and the state that it will be told by: a browser may be in
     * several sign-ins at once. Nothing if there is no such provider.
     */
    readonly begin: (
      name: string,
      purpose: Purpose
    ) => Effect.Effect<
      { readonly location: string; readonly id: Redacted.Redacted; readonly state: string } | undefined,
      Failed | StoreUnavailable
    >
    /** What a browser had begun with this provider: once. */
    readonly resume: (
      name: string,
      id: Redacted.Redacted
    ) => Effect.Effect<Ceremony, UpstreamRefused | StoreUnavailable>
    /** Who it is, by what the provider has sent the browser back with: the query of the callback. */
    readonly finish: (name: string, ceremony: Ceremony, query: URLSearchParams) => Effect.Effect<Identity, Failed>
  }
>()("gatehouse/people/Upstream") {
  static readonly layer = Layer.effect(
    Upstream,
    Effect.gen(function* () {
      const { issuer: baseUrl, providers } = yield* ServerConfig
      const ceremonies = makeCeremonies(yield* SqlClient.SqlClient)
      const outbound = yield* Outbound
      const timeout = Duration.toSeconds(yield* OutboundTimeout)
      const find = (name: string) => providers.find((provider) => provider.name === name)
      const kindOf = ({ name }: ProviderConfig) => `upstream ${name}`
      // Never from the request: behind a proxy that would be another address (RFC 9700 §2.1 compares it exactly).
      const callbackOf = ({ name }: ProviderConfig) => `${baseUrl}/login/${name}/callback`

      const told = Effect.fnUntraced(function* ({ name, label }: ProviderConfig, cause: unknown) {
        yield* Effect.logWarning("nobody was signed in by a provider", { provider: name, ...whyOf(cause) })
        return yield* refusalOf(label, cause)
      })
      const attempt = <A>(provider: ProviderConfig, run: () => A) =>
        Effect.catch(Effect.try({ try: run, catch: (cause) => cause }), (cause) => told(provider, cause))
      const ask = <A>(provider: ProviderConfig, run: () => Promise<A>) =>
        Effect.catch(Effect.tryPromise({ try: run, catch: (cause) => cause }), (cause) => told(provider, cause))

      const discover = Effect.fn("Upstream.discover")(function* (name: string) {
        const provider = find(name)
        if (provider === undefined) return undefined
        const { label, issuer, clientId, clientSecret } = provider
        const unavailable = new UpstreamUnavailable({ label })
        const metadata = yield* outbound
          .json({
            service: label,
            url: `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
            answer: Metadata
          })
          .pipe(Effect.mapError(() => unavailable))
        // OpenID Connect Discovery §4.3: the same, to the letter.
        if (metadata.issuer !== issuer) {
          const issuers = { provider: name, expected: issuer, received: metadata.issuer }
          yield* Effect.logError("a provider calls itself by another issuer than the configuration", issuers)
          return yield* new UpstreamRefused({
            explanation: `${label} is not set up rightly here: its owner finds in the log what differs.`
          })
        }
        const secret = Redacted.value(clientSecret)
        const found = new client.Configuration(
          // The library writes its arrays as ones that may be changed; it copies them all.
          metadata as client.ServerMetadata,
          clientId,
          { client_secret: secret, [client.clockTolerance]: 30 },
          authenticationOf(metadata, secret)
        )
        found.timeout = timeout
        found[client.customFetch] = (url, { body, ...options }) =>
          // The library's own type of a body is wider than that of fetch by streams that it never sends.
          boundedFetch(url, { ...options, body: body as RequestInit["body"] & {} })
        // The signature too, and not only the TLS of the answer it came in.
        client.enableNonRepudiationChecks(found)
        if (issuer.startsWith("http:")) client.allowInsecureRequests(found)
        return found
      })

      // One question at a time for each provider; a failure is not remembered.
      const configurations = yield* Cache.makeWith(discover, {
        capacity: Math.max(1, providers.length),
        timeToLive: (exit) => (Exit.isSuccess(exit) ? DISCOVERED_FOR : Duration.zero)
      })

      const begin = Effect.fn("Upstream.begin")(function* (name: string, purpose: Purpose) {
        const provider = find(name)
        const configuration = provider && (yield* Cache.get(configurations, name))
        if (provider === undefined || configuration === undefined) return undefined
        const ceremony: Ceremony = { verifier: random(), state: random(), nonce: random(), purpose }
        const isAgain = purpose._tag === "SignIn" && purpose.isAgain
        const location = yield* attempt(provider, () =>
          client.buildAuthorizationUrl(configuration, {
            redirect_uri: callbackOf(provider),
            scope: provider.scope,
            state: ceremony.state,
            nonce: ceremony.nonce,
            code_challenge: challengeOf(ceremony.verifier),
            code_challenge_method: "S256",
            // Google knows no other prompt.
            ...(isAgain && { prompt: isGoogle(provider) ? "select_account" : "login" })
          })
        )
        const id = yield* operation(ceremonies.begin(kindOf(provider), ceremony, CEREMONY_SECONDS))
        return { location: location.href, id, state: ceremony.state }
      })

      const resume = Effect.fn("Upstream.resume")(function* (name: string, id: Redacted.Redacted) {
        const provider = find(name)
        const ceremony = provider && (yield* operation(ceremonies.take(kindOf(provider), id)))
        if (isCeremony(ceremony)) return ceremony
        return yield* new UpstreamRefused({
          explanation: "This sign-in was finished already, took longer than ten minutes, or began in another browser."
        })
      })

      /** What the ID token does not tell, from userinfo: its `sub` must be the same (OpenID Connect Core §5.3.2). */
      const further = Effect.fnUntraced(function* (
        provider: ProviderConfig,
        configuration: client.Configuration,
        accessToken: string,
        claims: client.IDToken
      ) {
        const { admits } = provider
        const needed = ["email", "email_verified", "name", ...(admits._tag === "Claim" ? [admits.claim] : [])]
        const isWhole = needed.every((claim) => claims[claim] !== undefined)
        if (isWhole || configuration.serverMetadata().userinfo_endpoint === undefined) return claims
        const { email, email_verified, ...userinfo } = yield* ask(provider, () =>
          client.fetchUserInfo(configuration, accessToken, claims.sub)
        )
        // An address and its verification are one word, of one source.
        const isTold = claims.email !== undefined && claims.email_verified !== undefined
        return { ...userinfo, ...claims, ...(!isTold && email !== undefined && { email, email_verified }) }
      })

      const finish = Effect.fn("Upstream.finish")(function* (
        name: string,
        { verifier, state, nonce, purpose }: Ceremony,
        query: URLSearchParams
      ) {
        const provider = find(name)
        const configuration = provider && (yield* Cache.get(configurations, name))
        if (provider === undefined || configuration === undefined) {
          return yield* new UpstreamRefused({ explanation: "There is no such provider any more." })
        }
        const current = new URL(`${callbackOf(provider)}?${query}`)
        const tokens = yield* ask(provider, () =>
          client.authorizationCodeGrant(configuration, current, {
            pkceCodeVerifier: verifier,
            expectedState: state,
            expectedNonce: nonce,
            idTokenExpected: true
          })
        )
        const claims = tokens.claims()
        if (claims === undefined) return yield* Effect.die(new Error("an ID token was expected and verified"))
        // A provider that says when it asked is held to it; of one that does not (Google) the prompt has to do.
        const isStale = (yield* Clock.currentTimeMillis) / 1000 - (claims.auth_time ?? Infinity) > CEREMONY_SECONDS
        if (purpose._tag === "SignIn" && purpose.isAgain && isStale) {
          return yield* new UpstreamRefused({
            explanation: `${provider.label} did not ask you anew. Sign out there first.`
          })
        }
        return identityOf(provider, claims.sub, yield* further(provider, configuration, tokens.access_token, claims))
      })

      return Upstream.of({ begin, resume, finish })
    })
  ).pipe(Layer.provide(Outbound.layer))
}
