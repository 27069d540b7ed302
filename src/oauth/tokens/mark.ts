/** Marks that this server puts on what it hands out, to know it again: a MAC that names its key, so that it outlives a rotation. */

import { createHmac, timingSafeEqual } from "node:crypto"
import type { ServerKey, ServerKeys } from "./ServerKeys.ts"

type Keys = ServerKeys["Service"]

/** A mark made for one purpose is none for another; `parts` hold no line break. */
const macOf = (key: ServerKey, purpose: string, parts: ReadonlyArray<string>) =>
  createHmac("sha256", key.consentKey)
    .update([purpose, ...parts].join("\n"))
    .digest("base64url")

export const markOf = (keys: Keys, purpose: string, ...parts: ReadonlyArray<string>): string => {
  const key = keys.signing()
  return `${key.id}.${macOf(key, purpose, parts)}`
}

/** Whether `given` is the mark of these. */
export const isMarkOf = (keys: Keys, given: string, purpose: string, ...parts: ReadonlyArray<string>): boolean => {
  const [id = "", mac = ""] = given.split(".")
  const key = /^\d{1,3}$/.test(id) ? keys.byId(Number(id)) : undefined
  if (key === undefined) return false
  const [bytes, expected] = [Buffer.from(mac), Buffer.from(macOf(key, purpose, parts))]
  return bytes.length === expected.length && timingSafeEqual(bytes, expected)
}
