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

  it.effect("F15 AZ14 unknown scopes are dropped; none left, blanks and absence mean the default", () =>
    Effect.gen(function* () {
      for (const scope of [
        undefined,
        "",
        "  ",
        "openid",
        "constructor __proto__",
        "openid mcp.tools.call email",
        "mcp.tools.call"
      ]) {
        assert.deepStrictEqual(yield* Scope.requested(CATALOGUE, scope), ["mcp.tools.call"], scope)
      }
      assert.deepStrictEqual(yield* Scope.requested(CATALOGUE, "x offline_access"), ["offline_access"])
    })
  )

  it.effect("F15 commas between scopes are told in words, and a known scope may hold one", () =>
    Effect.gen(function* () {
      const odd = new Map([...CATALOGUE, ["a,b", { name: "a,b", sentence: "" }]])
      for (const scope of ["mcp.tools.call,offline_access", "a,b", "mcp.tools.call, offline_access", ","]) {
        for (const read of [Scope.requested, Scope.asked]) {
          const error = yield* Effect.flip(read(CATALOGUE, scope))
          assert.strictEqual(error.description, "scopes are separated by spaces, not by commas", scope)
        }
      }
      assert.deepStrictEqual(yield* Scope.requested(odd, "a,b"), ["a,b"])
    })
  )

  it.effect("F15 a refresh asks for the known scopes that it names, and for the whole grant if it names none", () =>
    Effect.gen(function* () {
      for (const scope of [undefined, "", " ", "openid email"]) {
        assert.isUndefined(yield* Scope.asked(CATALOGUE, scope))
      }
      assert.deepStrictEqual(yield* Scope.asked(CATALOGUE, "openid offline_access"), ["offline_access"])
    })
  )

  it.effect("F4 the default is all that the tools need, and not to stay", () =>
    Effect.gen(function* () {
      const catalogue = Scope.catalogueOf([{ name: "mcp.web.read", sentence: "Read." }])
      assert.deepStrictEqual(Scope.defaultScopes(catalogue), ["mcp.tools.call", "mcp.web.read"])
      assert.deepStrictEqual(yield* Scope.requested(catalogue, undefined), ["mcp.tools.call", "mcp.web.read"])
    })
  )

  // Of few names, so that a part of what is asked for was often granted, and a part was not.
  const Few = Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "b", "c", "d"])), { minLength: 1, maxLength: 4 })
  it.prop("RF6 a refresh narrows and never widens", [Few, Few], ([granted, asked]) => {
    const scopes = Scope.narrowed(granted, asked)
    const isPart = asked.length > 0 && asked.every((scope) => granted.includes(scope))
    assert.deepStrictEqual(scopes, isPart ? asked : undefined)
    assert.deepStrictEqual(Scope.narrowed(granted, undefined), granted)
  })
})
