import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Pkce from "../../src/oauth/pkce.ts"

const UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
const Verifier = Arbitrary.map(
  Arbitrary.array(
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: UNRESERVED.length - 1 }))),
    {
      minLength: 43,
      maxLength: 128
    }
  ),
  (indexes) => indexes.map((index) => UNRESERVED[index]).join("")
)

describe("PKCE (RFC 7636)", () => {
  it("gives the challenge of RFC 7636 appendix B", () => {
    assert.strictEqual(
      Pkce.challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
  })

  it.prop("every verifier has a challenge", [Verifier], ([verifier]) => {
    assert.isTrue(Pkce.isVerifier(verifier))
    assert.isTrue(Pkce.isChallenge(Pkce.challengeOf(verifier)))
  })

  it.prop("no other verifier proves a challenge", [Verifier, Verifier], ([one, other]) => {
    assert.strictEqual(Pkce.challengeOf(other) === Pkce.challengeOf(one), one === other)
  })

  it.prop("AZ12 a string of another length or alphabet is no challenge", [Schema.String], ([text]) => {
    assert.strictEqual(Pkce.isChallenge(text), /^[\w-]{43}$/.test(text) && text.length === 43)
  })

  it("TK4 a verifier of 42 or 129 characters, or with another character, is none", () => {
    for (const bad of ["a".repeat(42), "a".repeat(129), `${"a".repeat(43)}+`, `${"a".repeat(43)}é`, ""]) {
      assert.isFalse(Pkce.isVerifier(bad))
    }
  })

  it("AZ12 a challenge is 43 characters of base64url, without padding", () => {
    assert.isTrue(Pkce.isChallenge("a".repeat(43)))
    for (const wrong of [42, 44].map((length) => "a".repeat(length))) assert.isFalse(Pkce.isChallenge(wrong))
    for (const end of ["=", "\n", " "]) assert.isFalse(Pkce.isChallenge("a".repeat(43) + end))
  })
})
