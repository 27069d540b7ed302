/**
 * Passkeys (WebAuthn Level 3), found by the authenticator and not by a name (ASVS 6.3.8), with its user verified, so that one
 * is two factors. The relying party is the host of BASE_URL and never what a request says.
 */

import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON
} from "@simplewebauthn/server"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { operation, type StoreUnavailable } from "../../database/query.ts"
import { makeCeremonies } from "../ceremonies.sql.ts"
import type { Actor } from "../people.sql.ts"
import { makePasskeys, type NewPasskey, type Passkey } from "./passkeys.sql.ts"

const CEREMONY_SECONDS = 300
/** EdDSA, ES256 and RS256, by their COSE numbers: what authenticators have. */
const ALGORITHMS = [-8, -7, -257]

/** The passkey was not accepted. */
export class PasskeyRefused extends Schema.TaggedError<PasskeyRefused>()("PasskeyRefused", { why: Schema.String }) {}

/** Who makes one. */
export interface Holder {
  readonly email: string
  readonly name: string
  readonly webauthnId: Uint8Array
  /** What they have already, which their authenticator shall not make again. */
  readonly existing: ReadonlyArray<Passkey>
}

// --- What a browser sends ------------------------------------------------------------------------------------------

const Base64url = (most: number) =>
  Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]+$/)).check(Schema.isMaxLength(most))
const common = {
  id: Base64url(1400),
  rawId: Base64url(1400),
  type: Schema.Literal("public-key"),
  clientExtensionResults: Schema.optional(Schema.Unknown)
}
const Made = Schema.Struct({
  ...common,
  response: Schema.Struct({
    clientDataJSON: Base64url(4096),
    attestationObject: Base64url(16_384),
    transports: Schema.optional(Schema.Array(Schema.String.check(Schema.isMaxLength(32))).check(Schema.isMaxLength(8)))
  })
})
const Used = Schema.Struct({
  ...common,
  response: Schema.Struct({
    clientDataJSON: Base64url(4096),
    authenticatorData: Base64url(4096),
    signature: Base64url(4096),
    userHandle: Schema.optional(Schema.NullOr(Base64url(128)))
  })
})
const ClientData = Schema.fromJsonString(Schema.Struct({ challenge: Schema.String }))

/** With the first passkey: its 250 modules are a tenth of a start, and 20 MB that most processes never need. */
const webauthn = Effect.promise(() => import("@simplewebauthn/server"))

const challengeOf = (clientDataJSON: string) =>
  Schema.decodeOption(ClientData)(Buffer.from(clientDataJSON, "base64url").toString("utf8")).pipe(
    Option.map(({ challenge }) => Redacted.make(challenge))
  )

/** What a registration was begun with: by whom, and for which user handle. */
const Making = Schema.Struct({ binding: Schema.String, webauthnId: Schema.String })

const stale = new PasskeyRefused({ why: "That took too long, or was done before. Try again." })
const unreadable = new PasskeyRefused({ why: "The browser's answer could not be read." })
const unfit = new PasskeyRefused({ why: "This passkey does not fit." })
const unknown = new PasskeyRefused({ why: "This passkey is not known here. Use another way in." })

/** An address has no passkeys, and neither has a name that browsers take for no domain (WebAuthn §5.1.2). */
const isDomain = (host: string) => !/^[\d.]+$|^\[/.test(host)

export class Passkeys extends Context.Service<
  Passkeys,
  {
    /** Where passkeys work, or nothing where they cannot: at a bare IP address. */
    readonly rpId: string | undefined
    /** What the browser makes one by. `binding` says for whom, and has to be said again when it comes back. */
    readonly askToMake: (
      holder: Holder,
      binding: string
    ) => Effect.Effect<PublicKeyCredentialCreationOptionsJSON, PasskeyRefused | StoreUnavailable>
    /** The one that was made, with the user handle that it was made for. */
    readonly made: (
      response: unknown,
      binding: string,
      name: string
    ) => Effect.Effect<
      { readonly passkey: NewPasskey; readonly webauthnId: Uint8Array },
      PasskeyRefused | StoreUnavailable
    >
    /** Gives it to a person; may stand in a transaction. */
    readonly add: (
      personId: string,
      passkey: NewPasskey,
      actor: Actor
    ) => Effect.Effect<void, PasskeyRefused | StoreUnavailable>
    readonly askToUse: Effect.Effect<PublicKeyCredentialRequestOptionsJSON, PasskeyRefused | StoreUnavailable>
    /** Whose it is. */
    readonly used: (response: unknown, address: string) => Effect.Effect<string, PasskeyRefused | StoreUnavailable>
    readonly list: (personId: string) => Effect.Effect<ReadonlyArray<Passkey>, StoreUnavailable>
    readonly rename: (personId: string, id: string, name: string) => Effect.Effect<boolean, StoreUnavailable>
    /** `false` when there is none, or when no way in would be left. */
    readonly remove: (personId: string, id: string, actor: Actor) => Effect.Effect<boolean, StoreUnavailable>
    /** Other hosts that passkeys were made at, which do not work here. */
    readonly foreignHosts: Effect.Effect<ReadonlyArray<string>, StoreUnavailable>
  }
>()("gatehouse/people/Passkeys") {
  static readonly layer = Layer.effect(
    Passkeys,
    Effect.gen(function* () {
      const { issuer, providers } = yield* ServerConfig
      const issuers = providers.map((provider) => provider.issuer)
      const sql = yield* SqlClient.SqlClient
      const store = makePasskeys(sql)
      const ceremonies = makeCeremonies(sql)
      const { hostname } = new URL(issuer)
      const rpId = isDomain(hostname) ? hostname : undefined
      const here = { expectedOrigin: issuer, expectedRPID: hostname, requireUserVerification: true }

      const possible = rpId === undefined ? Effect.fail(unfit) : Effect.void
      const begin = (kind: string, detail: unknown) =>
        operation(ceremonies.begin(kind, detail, CEREMONY_SECONDS)).pipe(
          Effect.map((id) => Uint8Array.from(Buffer.from(Redacted.value(id), "base64url")))
        )
      /** The challenge that was answered, if we asked it and nobody has answered it before. */
      const answered = Effect.fnUntraced(function* (kind: string, clientDataJSON: string) {
        const challenge = Option.getOrUndefined(challengeOf(clientDataJSON))
        const detail = challenge && (yield* operation(ceremonies.take(kind, challenge)))
        if (challenge === undefined || detail === undefined) return yield* stale
        return { challenge: Redacted.value(challenge), detail }
      })
      // The library throws at whatever does not fit: to the person it is all the same.
      const judged = <A>(verify: () => Promise<A>) =>
        Effect.tryPromise({ try: verify, catch: (cause) => cause }).pipe(
          Effect.tapError((cause) => Effect.logDebug("a passkey was refused", cause)),
          Effect.mapError(() => unfit)
        )

      const askToMake = Effect.fn("Passkeys.askToMake")(function* (holder: Holder, binding: string) {
        yield* possible
        const webauthnId = Uint8Array.from(holder.webauthnId)
        const detail = { binding, webauthnId: Buffer.from(webauthnId).toString("base64url") }
        const challenge = yield* begin("passkey made", detail)
        const { generateRegistrationOptions } = yield* webauthn
        return yield* Effect.promise(() =>
          generateRegistrationOptions({
            rpName: "Gatehouse",
            rpID: hostname,
            userID: webauthnId,
            userName: holder.email,
            userDisplayName: holder.name,
            challenge,
            timeout: CEREMONY_SECONDS * 1000,
            attestationType: "none",
            supportedAlgorithmIDs: ALGORITHMS,
            excludeCredentials: holder.existing.filter((passkey) => passkey.rpId === rpId).map(({ id }) => ({ id })),
            authenticatorSelection: { residentKey: "required", userVerification: "required" }
          })
        )
      })

      const made = Effect.fn("Passkeys.made")(function* (given: unknown, binding: string, name: string) {
        const decoded = Schema.decodeUnknownOption(Made)(given)
        if (Option.isNone(decoded)) return yield* unreadable
        const { response } = decoded.value
        const { challenge, detail } = yield* answered("passkey made", response.clientDataJSON)
        const making = Schema.decodeUnknownOption(Making)(detail)
        if (Option.isNone(making) || making.value.binding !== binding) return yield* stale
        const { verifyRegistrationResponse } = yield* webauthn
        const { verified, registrationInfo } = yield* judged(() =>
          verifyRegistrationResponse({
            ...here,
            // Decoded above; the library's own type asks for mutable arrays, and for what it never reads.
            response: decoded.value as unknown as RegistrationResponseJSON,
            expectedChallenge: challenge,
            supportedAlgorithmIDs: ALGORITHMS
          })
        )
        if (!verified || registrationInfo === undefined) return yield* unfit
        const { credential, credentialDeviceType } = registrationInfo
        return {
          webauthnId: Buffer.from(making.value.webauthnId, "base64url"),
          passkey: {
            id: credential.id,
            rpId: hostname,
            publicKey: credential.publicKey,
            counter: credential.counter,
            transports: response.transports ?? [],
            isSynced: credentialDeviceType === "multiDevice",
            name
          } satisfies NewPasskey
        }
      })

      const askToUse = Effect.gen(function* () {
        yield* possible
        const challenge = yield* begin("passkey used", {})
        const { generateAuthenticationOptions } = yield* webauthn
        return yield* Effect.promise(() =>
          generateAuthenticationOptions({
            rpID: hostname,
            challenge,
            timeout: CEREMONY_SECONDS * 1000,
            userVerification: "required"
          })
        )
      })

      const used = Effect.fn("Passkeys.used")(function* (given: unknown, address: string) {
        const decoded = Schema.decodeUnknownOption(Used)(given)
        if (Option.isNone(decoded)) return yield* unreadable
        const { id, response } = decoded.value
        const { challenge } = yield* answered("passkey used", response.clientDataJSON)
        const key = yield* operation(store.keyOf(id, hostname))
        if (key === undefined) return yield* unknown
        // Nobody was named before, so the authenticator has to say whose it is (WebAuthn §7.2 step 6).
        if (response.userHandle !== Buffer.from(key.webauthn_id).toString("base64url")) return yield* unfit
        const { verifyAuthenticationResponse } = yield* webauthn
        const { verified, authenticationInfo } = yield* judged(() =>
          verifyAuthenticationResponse({
            ...here,
            // As above.
            response: decoded.value as unknown as AuthenticationResponseJSON,
            expectedChallenge: challenge,
            // The count is ours to judge, since going back is to be told.
            credential: { id, publicKey: Uint8Array.from(key.public_key), counter: 0 }
          })
        )
        if (!verified) return yield* unfit
        if (!(yield* operation(store.used(id, authenticationInfo.newCounter)))) {
          yield* operation(store.refused(key.person_id, id, address))
          return yield* unfit
        }
        return key.person_id
      })

      return Passkeys.of({
        rpId,
        askToMake,
        made,
        add: (...given) =>
          Effect.flatMap(operation(store.add(...given)), (isNew) => (isNew ? Effect.void : Effect.fail(unfit))),
        askToUse,
        used,
        list: (personId) => operation(store.list(personId)),
        rename: (...given) => operation(store.rename(...given)),
        remove: (personId, id, actor) => operation(store.remove(personId, id, { rpId: hostname, issuers }, actor)),
        foreignHosts: operation(store.foreignHosts(hostname))
      })
    })
  )
}
