import { createCipheriv, randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { decrypt, encrypt } from "../../../src/oauth/tokens/aead.ts"

const key = randomBytes(32)

describe("what is encrypted", () => {
  it("opens with its key and under its name alone, whole and undamaged", () => {
    const sealed = encrypt(key, "a secret", "a name")
    assert.deepStrictEqual(decrypt(key, sealed, "a name"), Option.some("a secret"))
    assert.isFalse(Buffer.from(sealed).includes("secret"))
    assert.notDeepEqual(encrypt(key, "a secret", "a name"), sealed)
    for (const [otherKey, name] of [
      [randomBytes(32), "a name"],
      [key, "another"],
      [key, ""]
    ] as const) {
      assert.isTrue(Option.isNone(decrypt(otherKey, sealed, name)), name)
    }
    for (let length = 0; length < sealed.length; length++) {
      assert.isTrue(Option.isNone(decrypt(key, sealed.subarray(0, length), "a name")), `${length} bytes`)
      const damaged = Uint8Array.from(sealed, (byte, index) => (index === length ? byte ^ 1 : byte))
      assert.isTrue(Option.isNone(decrypt(key, damaged, "a name")), `byte ${length}`)
    }
  })

  it("was laid out like this when the rows that are there were written", () => {
    const iv = randomBytes(12)
    const cipher = createCipheriv("aes-256-gcm", key, iv)
    const sealed = Buffer.concat([iv, cipher.update("kept", "utf8"), cipher.final(), cipher.getAuthTag()])
    assert.deepStrictEqual(decrypt(key, sealed), Option.some("kept"))
  })
})
