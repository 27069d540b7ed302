import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { HttpServerRequest } from "effect/http"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { clientAddress, isForgottenProxy, networkOf } from "../../src/web/clientAddress.ts"

const addressOf = Effect.fn("test.addressOf")(function* (trusted: string, socket: string, forwarded?: string) {
  const variables: Record<string, string> = trusted === "" ? {} : { TRUST_PROXY: trusted }
  const { trustedProxies } = yield* Effect.provide(ServerConfig, ServerConfig.layerOf(variables))
  const headers: Record<string, string> = forwarded === undefined ? {} : { "x-forwarded-for": forwarded }
  const request = HttpServerRequest.fromWeb(new Request("http://localhost/", { headers }))
  return clientAddress(trustedProxies, request.modify({ remoteAddress: Option.some(socket) }))
})

describe("client address", () => {
  it.effect("OP6 without a trusted proxy X-Forwarded-For means nothing", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* addressOf("", "192.0.2.1", "6.6.6.6"), "192.0.2.1")
      assert.strictEqual(yield* addressOf("10.0.0.0/8", "192.0.2.1", "6.6.6.6"), "192.0.2.1")
    })
  )

  it.effect("OP6 behind n proxies it is the n-th from the right, whatever the caller wrote before", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* addressOf("1", "10.0.0.1", "6.6.6.6, 198.51.100.7"), "198.51.100.7")
      assert.strictEqual(yield* addressOf("2", "10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2"), "198.51.100.7")
      assert.strictEqual(yield* addressOf("2", "10.0.0.1"), "10.0.0.1")
    })
  )

  it.effect("OP6 behind trusted networks it is the first address from the right that is not theirs", () =>
    Effect.gen(function* () {
      const trusted = "10.0.0.0/8,2001:db8::/32"
      assert.strictEqual(yield* addressOf(trusted, "10.0.0.1", "6.6.6.6, 198.51.100.7, 10.9.9.9"), "198.51.100.7")
      assert.strictEqual(yield* addressOf(trusted, "::ffff:10.0.0.1", "198.51.100.7"), "198.51.100.7")
      assert.strictEqual(yield* addressOf(trusted, "2001:db8::1", "198.51.100.7"), "198.51.100.7")
      assert.strictEqual(yield* addressOf(trusted, "10.0.0.1", "10.0.0.2"), "10.0.0.2")
      assert.strictEqual(yield* addressOf("10.0.0.1", "10.0.0.1", "garbage"), "garbage")
    })
  )

  it.effect("B13 OP6 an IPv4 address is the same in IPv6's clothes, with a port, and with brackets", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* addressOf("", "::ffff:192.0.2.1"), "192.0.2.1")
      assert.strictEqual(yield* addressOf("10.0.0.0/8", "10.0.0.1", "198.51.100.7, 10.0.0.2:4711"), "198.51.100.7")
      assert.strictEqual(
        yield* addressOf("2001:db8::/32", "2001:db8::1", "198.51.100.7, [2001:db8::2]:1"),
        "198.51.100.7"
      )
      for (const same of ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "192.0.2.1:4711"]) {
        assert.strictEqual(networkOf(same), "192.0.2.1")
        assert.strictEqual(networkOf(same, "site"), "192.0.2.1")
      }
    })
  )

  it("B13 OP6 an IPv6 address is limited as its /64, and as its /48 where it registers", () => {
    const one = "2001:db8:1:2:3:4:5:6"
    assert.strictEqual(networkOf(one), networkOf("2001:0DB8:1:2:ffff::1"))
    assert.strictEqual(networkOf(one), networkOf("[2001:db8:1:2::9]:4711"))
    assert.strictEqual(networkOf("fe80::1%eth0"), networkOf("fe80::2"))
    assert.notStrictEqual(networkOf(one), networkOf("2001:db8:1:3::1"))
    assert.strictEqual(networkOf(one, "site"), networkOf("2001:db8:1:ffff::1", "site"))
    assert.notStrictEqual(networkOf(one, "site"), networkOf("2001:db8:2::1", "site"))
    assert.strictEqual(networkOf("garbage"), "garbage")
  })

  it("F14 a near peer that is not trusted may be a forgotten proxy, a far one is a caller", () => {
    const nobody = { _tag: "Hops", count: 0 } as const
    for (const near of ["127.0.0.1", "::1", "::ffff:172.17.0.1", "10.1.2.3", "192.168.1.1", "fd00::1"]) {
      assert.isTrue(isForgottenProxy(nobody, near), near)
      assert.isFalse(isForgottenProxy({ _tag: "Hops", count: 1 }, near), near)
    }
    for (const far of ["198.51.100.7", "2001:db8::1", "unknown"]) assert.isFalse(isForgottenProxy(nobody, far), far)
  })
})
