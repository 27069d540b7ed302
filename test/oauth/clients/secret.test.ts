import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as ClientSecret from "../../../src/oauth/clients/secret.ts"

const PEOPLE_CHOSE = [
  "secret",
  "correct horse battery staple and more",
  "correcthorsebatterystaple123456789",
  "passwordpasswordpasswordpassword1A",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "00000000000000000000000000000000",
  "MyCompanyProductionSecretKey20261124",
  "abcdefghijklmnopqrstuvwxyz0123456789",
  "Tr0ub4dor&3Tr0ub4dor&3Tr0ub4dor&3"
]

describe("client secrets at rest", () => {
  it("what people choose does not look random", () => {
    for (const chosen of PEOPLE_CHOSE) assert.isFalse(ClientSecret.looksRandom(chosen), chosen)
  })

  it("what is drawn at random does, nearly always", () => {
    for (const encoding of ["hex", "base64", "base64url"] as const) {
      const drawn = Array.from({ length: 500 }, () => randomBytes(32).toString(encoding))
      assert.isAbove(drawn.filter(ClientSecret.looksRandom).length, 485, encoding)
    }
  })

  it.effect("a generated secret is stored as its SHA-256 and verifies", () =>
    Effect.gen(function* () {
      const secret = ClientSecret.generate()
      assert.match(Redacted.value(secret), /^mcp_cs_[\w-]{43}$/)
      const stored = yield* ClientSecret.hash(secret)
      assert.isNull(stored.kdf)
      assert.isTrue(yield* ClientSecret.verify(secret, stored))
      assert.isFalse(yield* ClientSecret.verify(ClientSecret.generate(), stored))
    })
  )

  it.live("a secret that a person chose is stored under a salted slow hash and verifies", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("hunter2")
      const [one, two] = [yield* ClientSecret.hash(secret), yield* ClientSecret.hash(secret)]
      assert.match(one.kdf ?? "", /^scrypt:/)
      assert.notDeepEqual(one.hash, two.hash)
      assert.isTrue(yield* ClientSecret.verify(secret, one))
      assert.isFalse(yield* ClientSecret.verify(Redacted.make("hunter3"), one))
    })
  )
})
