import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { HttpServerRequest } from "effect/http"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { clientAddress } from "../../src/web/clientAddress.ts"

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
})
