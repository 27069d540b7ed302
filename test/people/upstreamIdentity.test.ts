import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import type { Admission, ProviderConfig } from "../../src/config/providers.ts"
import { identityOf, isAdmitted } from "../../src/people/upstream/identity.ts"

const provider = (issuer: string, admits: Admission = { _tag: "Invited" }): ProviderConfig => ({
  name: "one",
  label: "One",
  issuer,
  clientId: "id",
  clientSecret: Redacted.make("secret"),
  scope: "openid",
  matchesEmail: false,
  admits
})
const GOOGLE = "https://accounts.google.com"
const DOMAIN: Admission = { _tag: "Domain", domains: ["corp.example"] }

describe("who somebody is at a provider", () => {
  it("ASVS 10.5.2 is their issuer and subject, whatever else is told; what is no address or no name is none", () => {
    for (const odd of [undefined, 1, "", "no address", "a@b@c", "a@b\u202ec", ["a@b"], `${"a".repeat(260)}@b`]) {
      const identity = identityOf(provider("https://op.example"), "s", { email: odd, email_verified: true, name: odd })
      assert.deepInclude(identity, {
        issuer: "https://op.example",
        subject: "s",
        email: undefined,
        emailVerified: false
      })
    }
    assert.isUndefined(identityOf(provider("https://op.example"), "s", { name: "a\u202eb" }).name)
  })

  it("an address is verified only by the word true", () => {
    for (const email_verified of [undefined, false, null, "true", 1, {}]) {
      assert.isFalse(
        identityOf(provider("https://op.example"), "s", { email: "a@b.example", email_verified }).emailVerified
      )
    }
    assert.isTrue(
      identityOf(provider("https://op.example"), "s", { email: "a@b.example", email_verified: true }).emailVerified
    )
  })

  it("Google vouches for mailboxes of its own and of domains that it hosts, and for no other address", () => {
    const isVerified = (email: string, hd?: unknown) =>
      identityOf(provider(GOOGLE), "s", { email, email_verified: true, ...(hd !== undefined && { hd }) }).emailVerified
    assert.isTrue(isVerified("a@gmail.com"))
    assert.isTrue(isVerified("a@corp.example", "corp.example"))
    assert.isFalse(isVerified("a@corp.example"))
    assert.isFalse(isVerified("a@notgmail.com"))
    assert.isFalse(isVerified("a@gmail.com.evil.example"))
    assert.isFalse(isVerified("a@corp.example", ["corp.example"]))
  })

  it("Google without `hd`, or with another one, is not of the domain, whatever the address says", () => {
    const google = provider(GOOGLE, DOMAIN)
    const admits = (claims: Readonly<Record<string, unknown>>) => isAdmitted(google, identityOf(google, "s", claims))
    const email = "a@corp.example"
    assert.isFalse(admits({ email, email_verified: true }))
    assert.isFalse(admits({ email, email_verified: true, hd: "other.example" }))
    assert.isFalse(admits({ email, email_verified: false, hd: "corp.example" }))
    assert.isFalse(admits({ hd: "corp.example" }))
    assert.isTrue(admits({ email, email_verified: true, hd: "Corp.example" }))
    // Of a domain that belongs to it.
    assert.isTrue(admits({ email: "a@corp-brand.example", email_verified: true, hd: "corp.example" }))
  })

  it("elsewhere `hd` is a word like any other", () => {
    const corp = provider("https://op.example", DOMAIN)
    const claims = { email: "a@other.example", email_verified: true, hd: "corp.example" }
    assert.isFalse(isAdmitted(corp, identityOf(corp, "s", claims)))
  })

  it("only invited people come in where no rule says otherwise", () => {
    const corp = provider("https://op.example")
    assert.isFalse(isAdmitted(corp, identityOf(corp, "s", { email: "a@corp.example", email_verified: true })))
  })
})
