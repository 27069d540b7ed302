/**
 * Answers that are kept for a repeat: of a rotation on the retired token's row, of a consent form on the decision's, of a
 * redeemed code until it was given.
 *
 * Encrypted under a key that only what was presented yields (HKDF), so the database, which holds
 * hashes alone, can repeat an answer that it cannot read.
 */

import { hkdfSync, randomBytes } from "node:crypto"
import { Option, Redacted, Schema } from "effect"
import * as Aead from "../tokens/aead.ts"

/** What a rotation issued. What the tokens are worth is in their rows. */
export const Successor = Schema.Struct({
  refreshToken: Schema.RedactedFromValue(Schema.String),
  accessToken: Schema.RedactedFromValue(Schema.String)
})
export type Successor = typeof Successor.Type

const SuccessorJson = Schema.fromJsonString(Successor)
const SALT = 16

/** A seal made for one purpose does not open for another. */
type Purpose = "successor" | "code" | "answer"

const keyOf = (purpose: Purpose, secret: Redacted.Redacted, salt: Uint8Array) =>
  Buffer.from(hkdfSync("sha256", Redacted.value(secret), salt, `gatehouse ${purpose} v1`, 32))

/** Layout: salt 16 | what is encrypted. */
const encrypt = (purpose: Purpose, secret: Redacted.Redacted, text: string): Uint8Array => {
  const salt = randomBytes(SALT)
  return Buffer.concat([salt, Aead.encrypt(keyOf(purpose, secret, salt), text)])
}

const decrypt = (purpose: Purpose, secret: Redacted.Redacted, sealed: Uint8Array): Option.Option<string> =>
  Aead.decrypt(keyOf(purpose, secret, sealed.subarray(0, SALT)), sealed.subarray(SALT))

export const seal = (token: Redacted.Redacted, successor: Successor): Uint8Array =>
  encrypt("successor", token, Schema.encodeSync(SuccessorJson)(successor))

/** `None` when the seal was not made for this token. */
export const open = (token: Redacted.Redacted, sealed: Uint8Array): Option.Option<Successor> =>
  Option.flatMap(decrypt("successor", token, sealed), Schema.decodeOption(SuccessorJson))

/** What a redeemed code yields. */
const Answer = Schema.Struct({
  accessToken: Schema.RedactedFromValue(Schema.String),
  refreshToken: Schema.UndefinedOr(Schema.RedactedFromValue(Schema.String))
})
type Answer = typeof Answer.Type
const AnswerJson = Schema.fromJsonString(Answer)

export const sealAnswer = (code: Redacted.Redacted, answer: Answer): Uint8Array =>
  encrypt("answer", code, Schema.encodeSync(AnswerJson)(answer))

/** `None` when the seal was not made for this code. */
export const openAnswer = (code: Redacted.Redacted, sealed: Uint8Array): Option.Option<Answer> =>
  Option.flatMap(decrypt("answer", code, sealed), Schema.decodeOption(AnswerJson))

/** The code that a form was answered with, for whoever posts the same form again. */
export const sealCode = (form: Redacted.Redacted, code: Redacted.Redacted): Uint8Array =>
  encrypt("code", form, Redacted.value(code))

/** `None` when the seal was not made for this form. */
export const openCode = (form: Redacted.Redacted, sealed: Uint8Array): Option.Option<Redacted.Redacted> =>
  Option.map(decrypt("code", form, sealed), (code) => Redacted.make(code))

/** Follows the seals of a chain, each of which yields the key of the next, to the last answer; nothing if one is not there. */
export const openAll = (token: Redacted.Redacted, seals: ReadonlyArray<Uint8Array | null>): Successor | undefined => {
  let last: Successor | undefined
  for (const sealed of seals) {
    last = sealed === null ? undefined : Option.getOrUndefined(open(last?.refreshToken ?? token, sealed))
    if (last === undefined) return undefined
  }
  return last
}
