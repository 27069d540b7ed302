import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as RedirectUri from "../../../src/oauth/clients/redirectUri.ts"

const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))
const Segment = Arbitrary.schema(Schema.String.check(Schema.isPattern(/^[a-z0-9-]{1,12}$/)))
const LoopbackHost = Schema.Literals(["127.0.0.1", "[::1]", "localhost"])

describe("redirect URIs (OAuth 2.1 §2.3.1, RFC 8252 §7.3)", () => {
  it.prop(
    "AZ6 a loopback URI matches on any port, with or without one",
    [LoopbackHost, Port, Port, Segment],
    ([host, one, other, path]) => {
      const [bare, first, second] = ["", `:${one}`, `:${other}`].map((port) => `http://${host}${port}/${path}?a=1`)
      for (const registered of [bare, first, second]) {
        for (const requested of [bare, first, second])
          assert.isTrue(RedirectUri.matches(registered ?? "", requested ?? ""))
      }
    }
  )

  it.prop(
    "AZ6 loopback hosts are not each other, and another path is another URI",
    [LoopbackHost, LoopbackHost, Port, Segment, Segment],
    ([host, otherHost, port, path, otherPath]) => {
      const requested = `http://${otherHost}:${port}/${otherPath}`
      assert.strictEqual(
        RedirectUri.matches(`http://${host}/${path}`, requested),
        host === otherHost && path === otherPath
      )
    }
  )

  it.prop("AZ5 anything but loopback matches byte for byte", [Segment, Port, Schema.String], ([path, port, suffix]) => {
    const registered = `https://c.example/${path}`
    assert.isTrue(RedirectUri.matches(registered, registered))
    assert.strictEqual(RedirectUri.matches(registered, registered + suffix), suffix === "")
    assert.isFalse(RedirectUri.matches(registered, `https://c.example:${port}/${path}`))
  })

  it("AZ5 near misses of an https URI do not match", () => {
    const registered = "https://c.example/cb"
    for (const near of [
      "https://c.example:443/cb",
      "https://C.example/cb",
      "https://c.example/cb/",
      "https://c.example/%63b",
      "https://c.example/x/../cb",
      "https://c.example/cb?x=1",
      "https://u@c.example/cb",
      "https://c.example/cb#f",
      "http://c.example/cb"
    ]) {
      assert.isFalse(RedirectUri.matches(registered, near), near)
    }
  })

  it("AZ6 127.0.0.2, other schemes, ports out of range and smuggled characters do not match a loopback URI", () => {
    const registered = "http://127.0.0.1/cb"
    for (const near of [
      "http://127.0.0.2/cb",
      "http://localhost/cb",
      "http://[::1]/cb",
      "https://127.0.0.1/cb",
      "http://127.0.0.1:65536/cb",
      "http://127.0.0.1:80@evil.example/cb",
      "http://127.0.0.1.evil.example/cb",
      "http://127.0.0.1:1/cb#x",
      "http://127.0.0.1:1/cb\n",
      "http://127.0.0.1:1/cb "
    ]) {
      assert.isFalse(RedirectUri.matches(registered, near), near)
    }
  })

  it("RG4 what may not be registered is refused with a reason", () => {
    for (const bad of [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      " https://c.example/cb",
      "\thttps://c.example/cb",
      "https://c.example/cb\u0000",
      "https://c.example/cb\u0085",
      "data:text/html,x",
      "blob:https://c.example/1",
      "vbscript:x",
      "file:///etc/passwd",
      "mailto:a@b",
      "http://c.example/cb",
      "http://127.0.0.2/cb",
      "https://c.example/cb#f",
      "https://u:p@c.example/cb",
      "https://*.example/cb",
      "https:\\\\c.example",
      "https://c.example/cb?code=x",
      "https://c.example/cb?state=x",
      "//c.example/cb",
      "",
      `https://c.example/${"a".repeat(2048)}`
    ]) {
      assert.isString(RedirectUri.refusal(bad, ["cursor"]), bad)
    }
    for (const good of [
      "https://c.example/cb",
      "https://c.example/cb?a=1",
      "http://127.0.0.1/cb",
      "http://[::1]:1/",
      "http://localhost:8080"
    ]) {
      assert.isUndefined(RedirectUri.refusal(good, ["cursor"]), good)
    }
  })

  it.prop(
    "AZ8 the registered query stays and each of our parameters is there once",
    [Schema.String, Schema.String],
    ([code, state]) => {
      const wellFormed = [code.toWellFormed(), state.toWellFormed()] as const
      const location = RedirectUri.withParameters("https://c.example/cb?a=1", {
        code: wellFormed[0],
        state: wellFormed[1],
        none: undefined
      })
      const { searchParams } = new URL(location)
      assert.deepStrictEqual(searchParams.getAll("a"), ["1"])
      assert.deepStrictEqual(searchParams.getAll("code"), [wellFormed[0]])
      assert.deepStrictEqual(searchParams.getAll("state"), [wellFormed[1]])
      assert.isFalse(searchParams.has("none"))
      assert.isTrue(location.startsWith("https://c.example/cb?a=1&"))
    }
  )
})
