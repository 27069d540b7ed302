import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"

const configOf = (variables: Record<string, string>) =>
  Effect.provide(ServerConfig, ServerConfig.layerOf(variables)) as Effect.Effect<
    ServerConfig["Service"],
    { readonly problems: ReadonlyArray<string> }
  >
const problemsOf = (variables: Record<string, string>) =>
  Effect.map(Effect.flip(configOf(variables)), ({ problems }) => problems)
const namesOf = (variables: Record<string, string>) =>
  Effect.map(problemsOf(variables), (problems) => problems.map((problem) => problem.split(" ")[0]))

const CORP = {
  OIDC_PROVIDERS: "corp",
  OIDC_CORP_ISSUER: "https://op.example/realms/corp",
  OIDC_CORP_CLIENT_ID: "id",
  OIDC_CORP_CLIENT_SECRET: "canary-secret"
}

describe("upstream providers, configured", () => {
  it.effect("there are none by default; one needs its issuer, id and secret, and Google no issuer", () =>
    Effect.gen(function* () {
      assert.isEmpty((yield* configOf({})).providers)
      const { providers } = yield* configOf({
        ...CORP,
        OIDC_PROVIDERS: "corp, google,my-op",
        OIDC_GOOGLE_CLIENT_ID: "g",
        OIDC_GOOGLE_CLIENT_SECRET: "s",
        OIDC_MY_OP_ISSUER: "http://localhost:8080/",
        OIDC_MY_OP_CLIENT_ID: "o",
        OIDC_MY_OP_CLIENT_SECRET: "s",
        OIDC_MY_OP_LABEL: "My provider",
        OIDC_MY_OP_ADMIT: "claim:groups=staff=all",
        OIDC_MY_OP_MATCH_EMAIL: "true",
        OIDC_MY_OP_SCOPE: "openid email groups"
      })
      const [corp, google, mine] = providers
      assert.deepStrictEqual(corp, {
        name: "corp",
        label: "corp",
        issuer: "https://op.example/realms/corp",
        clientId: "id",
        clientSecret: Redacted.make("canary-secret"),
        scope: "openid profile email",
        matchesEmail: false,
        admits: { _tag: "Invited" }
      })
      assert.deepInclude(google, { issuer: "https://accounts.google.com", label: "Google" })
      assert.deepInclude(mine, { issuer: "http://localhost:8080/", label: "My provider", matchesEmail: true })
      assert.deepStrictEqual(mine?.admits, { _tag: "Claim", claim: "groups", value: "staff=all" })
      const domains = yield* configOf({ ...CORP, OIDC_CORP_ADMIT: "domain:Example.com, example.org" })
      assert.deepStrictEqual(domains.providers[0]?.admits, { _tag: "Domain", domains: ["example.com", "example.org"] })
    })
  )

  it.effect("every wrong value is told by its variable, with the other ones, and never with the value", () =>
    Effect.gen(function* () {
      const wrong = {
        PORT: "canary",
        OIDC_CORP_ADMIT: "canary",
        OIDC_CORP_MATCH_EMAIL: "canary",
        OIDC_CORP_SCOPE: "canary",
        OIDC_CORP_ISSUER: "canary",
        OIDC_CRP_LABEL: "canary"
      }
      assert.sameMembers(yield* namesOf({ ...CORP, ...wrong }), Object.keys(wrong))
      assert.notInclude((yield* problemsOf({ ...CORP, ...wrong })).join(), "canary")
      assert.sameMembers(yield* namesOf({ OIDC_PROVIDERS: "google" }), [
        "OIDC_GOOGLE_CLIENT_ID",
        "OIDC_GOOGLE_CLIENT_SECRET"
      ])
      assert.deepStrictEqual(yield* namesOf({ OIDC_CORP_CLIENT_ID: "forgotten" }), ["OIDC_CORP_CLIENT_ID"])
    })
  )

  it.effect("an issuer is https, but on localhost, and has no query, fragment or credentials", () =>
    Effect.gen(function* () {
      const bad = ["http://op.example", "https://op.example?a", "https://op.example#", "https://a:b@op.example", "op"]
      for (const issuer of [...bad, "ftp://localhost"]) {
        assert.deepStrictEqual(yield* namesOf({ ...CORP, OIDC_CORP_ISSUER: issuer }), ["OIDC_CORP_ISSUER"], issuer)
      }
      for (const issuer of ["http://127.0.0.1:1", "http://localhost/", "https://op.example/"]) {
        const { providers } = yield* configOf({ ...CORP, OIDC_CORP_ISSUER: issuer })
        assert.strictEqual(providers[0]?.issuer, issuer)
      }
    })
  )

  it.effect(
    "contradictions: a name twice or ill, one issuer twice, a rule about addresses that are not asked for",
    () =>
      Effect.gen(function* () {
        for (const names of ["corp,corp", "Corp", "../x", "a/b", "-a"]) {
          assert.include(yield* namesOf({ ...CORP, OIDC_PROVIDERS: names }), "OIDC_PROVIDERS", names)
        }
        const twin = {
          OIDC_PROVIDERS: "corp,twin",
          OIDC_TWIN_ISSUER: CORP.OIDC_CORP_ISSUER,
          OIDC_TWIN_CLIENT_ID: "t",
          OIDC_TWIN_CLIENT_SECRET: "t"
        }
        assert.deepStrictEqual(yield* namesOf({ ...CORP, ...twin }), ["OIDC_TWIN_ISSUER"])
        for (const rule of [{ OIDC_CORP_MATCH_EMAIL: "true" }, { OIDC_CORP_ADMIT: "domain:corp.example" }]) {
          assert.deepStrictEqual(yield* namesOf({ ...CORP, ...rule, OIDC_CORP_SCOPE: "openid" }), ["OIDC_CORP_SCOPE"])
        }
      })
  )
})
