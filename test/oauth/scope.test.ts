import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Schema } from "effect"
import * as Scope from "../../src/oauth/scope.ts"

const CATALOGUE = new Map([Scope.TOOLS_CALL, Scope.OFFLINE_ACCESS].map((scope) => [scope.name, scope]))
const Token = Arbitrary.schema(Schema.String.check(Schema.isPattern(/^[a-z.:_]{1,12}$/)))
const Tokens = Arbitrary.array(Token, { minLength: 1, maxLength: 6 })

describe("scopes (RFC 6749 §3.3)", () => {
  it.effect.prop("parsing undoes formatting, without repeats", [Tokens], ([tokens]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Scope.parse(Scope.format(tokens)), [...new Set(tokens)])
      assert.deepStrictEqual(yield* Scope.parse(` ${tokens.join("  ")} `), [...new Set(tokens)])
    })
  )

  it.effect.prop("AZ14 a character outside the grammar is invalid_scope", [Schema.String], ([text]) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Scope.parse(text))
      assert.strictEqual(
        Exit.isSuccess(exit),
        [...text].every((character) => /^[\x20\x21\x23-\x5b\x5d-\x7e]$/.test(character))
      )
    })
  )

  it.effect("AZ14 quotes, backslashes, NBSP, newlines, full width and combining marks are refused", () =>
    Effect.gen(function* () {
      for (const bad of ['a"b', "a\\b", "a\u00a0b", "a\nb", "ａ", "a\u0301", "a\tb"]) {
        assert.strictEqual((yield* Effect.flip(Scope.parse(bad)))._tag, "invalid_scope", JSON.stringify(bad))
      }
    })
  )

  it.effect("AZ14 unknown scopes are dropped; when none is left it is an error; absence means the default", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Scope.requested(CATALOGUE, "openid mcp.tools.call email"), ["mcp.tools.call"])
      assert.deepStrictEqual(yield* Scope.requested(CATALOGUE, undefined), Scope.defaultScopes(CATALOGUE))
      assert.strictEqual((yield* Effect.flip(Scope.requested(CATALOGUE, "openid")))._tag, "invalid_scope")
      assert.strictEqual(
        (yield* Effect.flip(Scope.requested(CATALOGUE, "constructor __proto__")))._tag,
        "invalid_scope"
      )
    })
  )

  it.effect("F4 the default is all that the tools need, and not to stay", () =>
    Effect.gen(function* () {
      const catalogue = Scope.catalogueOf([{ name: "mcp.web.read", consent: "Read." }])
      assert.deepStrictEqual(Scope.defaultScopes(catalogue), ["mcp.tools.call", "mcp.web.read"])
      assert.deepStrictEqual(yield* Scope.requested(catalogue, undefined), ["mcp.tools.call", "mcp.web.read"])
    })
  )

  it.prop("RF6 a refresh narrows and never widens", [Tokens, Tokens], ([granted, asked]) => {
    const scopes = Scope.narrowed(granted, asked)
    const isPart = asked.length > 0 && asked.every((scope) => granted.includes(scope))
    assert.deepStrictEqual(scopes, isPart ? asked : undefined)
    assert.deepStrictEqual(Scope.narrowed(granted, undefined), granted)
  })
})
