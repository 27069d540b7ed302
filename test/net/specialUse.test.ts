import { assert, describe, it } from "@effect/vitest"
import { isPublicAddress } from "../../src/net/specialUse.ts"
import { SPECIAL_ADDRESSES } from "../support/specialAddresses.ts"

const SPECIAL = [
  ...SPECIAL_ADDRESSES,
  "",
  "localhost",
  "2130706433",
  "0x7f000001",
  "127.1",
  "1.1.1",
  "01.1.1.1",
  "fe80::1%eth0"
]
const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "9.255.255.255",
  "11.0.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "126.255.255.255",
  "128.0.0.1",
  "169.253.255.255",
  "172.15.255.255",
  "172.32.0.1",
  "192.167.255.255",
  "192.169.0.1",
  "198.17.255.255",
  "198.20.0.1",
  "223.255.255.255",
  "::ffff:8.8.8.8",
  "2001:200::1",
  "2001:4860:4860::8888",
  "2606:4700::6812:202f",
  "2a00::1",
  "3ffe::1"
]

describe("special-use addresses", () => {
  it("CM4 every special range is refused, in every disguise, and its neighbours are not", () => {
    for (const address of SPECIAL) assert.isFalse(isPublicAddress(address), address)
    for (const address of PUBLIC) assert.isTrue(isPublicAddress(address), address)
  })
})
