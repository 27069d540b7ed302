import { randomBytes } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { Revocations } from "../../src/oauth/tokens/Revocations.ts"
import { People } from "../../src/people/People.ts"
import { Passkeys } from "../../src/people/passkeys/Passkeys.ts"
import { makeAuthenticator } from "../support/authenticator.ts"
import { somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const ADDRESS = "192.0.2.1"

const place = Effect.gen(function* () {
  const { issuer } = yield* ServerConfig
  return { origin: issuer, rpId: new URL(issuer).hostname }
})

/** A person with one passkey and nothing else. */
const holder = Effect.gen(function* () {
  const passkeys = yield* Passkeys
  const here = yield* place
  const person = yield* somebody(`P${randomBytes(4).toString("hex")}`)
  const sql = yield* SqlClient.SqlClient
  const webauthnId = randomBytes(32)
  yield* sql`update mcp.people set webauthn_id = ${webauthnId} where id = ${person.id}`
  const who = { email: person.email, name: person.name, webauthnId, existing: [] }
  const enrol = Effect.gen(function* () {
    const { challenge } = yield* passkeys.askToMake(who, person.id)
    const authenticator = makeAuthenticator(webauthnId.toString("base64url"))
    const { passkey } = yield* passkeys.made(authenticator.make(challenge, here), person.id, "Key")
    yield* passkeys.add(person.id, passkey, { id: person.id, address: ADDRESS })
    return authenticator
  })
  return { person, who, here, enrol, authenticator: yield* enrol, passkeys }
})

const asked = Effect.flatMap(Passkeys, ({ askToUse }) => Effect.map(askToUse, ({ challenge }) => challenge))

const refused = (used: ReturnType<Passkeys["Service"]["used"]>) =>
  Effect.map(Effect.flip(used), (error) => assert.strictEqual(error._tag, "PasskeyRefused"))

const Stores = Layer.mergeAll(Passkeys.layer, People.layer).pipe(
  Layer.provide(Revocations.layer),
  Layer.provideMerge(TestDatabase.pglite),
  Layer.provideMerge(ServerConfig.layerOf({ BASE_URL: "http://localhost:3000" }))
)

layer(Stores)("passkeys", (it) => {
  it.effect("WebAuthn 7.1, 7.2: one that was made lets its person in", () =>
    Effect.gen(function* () {
      const { person, here, authenticator, passkeys } = yield* holder
      assert.strictEqual(yield* passkeys.used(authenticator.use(yield* asked, here), ADDRESS), person.id)
    })
  )

  for (const [what, wrong] of [
    ["WebAuthn 7.2 step 13: another origin", { origin: "http://localhost:3001" }],
    ["WebAuthn 7.2 step 15: another relying party", { rpId: "example.com" }],
    ["WebAuthn 7.2 step 17: no user verification", { isUserVerified: false }],
    ["WebAuthn 7.2 step 6: another user handle", { userHandle: randomBytes(32).toString("base64url") }],
    ["WebAuthn 7.2 step 6: no user handle", { userHandle: undefined }]
  ] as const) {
    it.effect(`${what} is refused`, () =>
      Effect.gen(function* () {
        const { here, authenticator, passkeys } = yield* holder
        yield* refused(passkeys.used(authenticator.use(yield* asked, { ...here, ...wrong }), ADDRESS))
      })
    )
  }

  it.effect("WebAuthn 13.4.3: a challenge is answered once, and only what it was asked for", () =>
    Effect.gen(function* () {
      const { person, who, here, authenticator, passkeys } = yield* holder
      const answer = authenticator.use(yield* asked, here)
      yield* passkeys.used(answer, ADDRESS)
      yield* refused(passkeys.used(answer, ADDRESS))
      const { challenge } = yield* passkeys.askToMake(who, person.id)
      yield* refused(passkeys.used(authenticator.use(challenge, here), ADDRESS))
    })
  )

  it.effect("WebAuthn 7.2 step 22: a count that goes back is refused and told, and the passkey stays", () =>
    Effect.gen(function* () {
      const { person, here, authenticator, passkeys } = yield* holder
      yield* passkeys.used(authenticator.use(yield* asked, { ...here, counter: 7 }), ADDRESS)
      yield* refused(passkeys.used(authenticator.use(yield* asked, { ...here, counter: 7 }), ADDRESS))
      const sql = yield* SqlClient.SqlClient
      const told = yield* sql`
        select 1 from mcp.audit_events where person_id = ${person.id} and event = 'passkey_refused'`
      assert.strictEqual(told.length, 1)
      assert.strictEqual((yield* passkeys.list(person.id)).length, 1)
    })
  )

  it.effect("ASVS 6.4.4: the last way in is never removed", () =>
    Effect.gen(function* () {
      const { person, enrol, authenticator, passkeys } = yield* holder
      const actor = { id: person.id, address: ADDRESS }
      assert.isFalse(yield* passkeys.remove(person.id, authenticator.id, actor))
      const another = yield* enrol
      assert.isTrue(yield* passkeys.remove(person.id, authenticator.id, actor))
      assert.isFalse(yield* passkeys.remove(person.id, another.id, actor))
    })
  )
})
