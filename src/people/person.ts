/** Whoever may sign in. */

import { Schema } from "effect"

export const Role = Schema.Literals(["owner", "member"])
export type Role = typeof Role.Type

/** A person as everybody here knows them; what they sign in with stays in the stores. */
export interface Person {
  /** Never given to anybody else; the `sub` of their tokens. */
  readonly id: string
  /** What they type to sign in, in any case. */
  readonly email: string
  readonly name: string
  readonly role: Role
  /** Who vouched that the address is theirs: `owner`, or an issuer that verifies addresses. */
  readonly emailVerifiedBy: string | undefined
  readonly hasPassword: boolean
  /** The user handle of their passkeys. */
  readonly webauthnId: Uint8Array
  readonly createdAt: Date
  readonly isDisabled: boolean
}

const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/u
const text = (isValid: (value: string) => boolean, message: string) =>
  Schema.Trim.check(Schema.makeFilter((value: string) => isValid(value) || message))

/** A sign-in name. That mail reaches anybody there is not ours to know: this server sends none. */
export const Email = text(
  (value) => value.length <= 254 && /^[^\s@"<>]+@[^\s@"<>]+$/u.test(value) && !UNSEEN.test(value),
  "This is not an e-mail address."
)
/** What a person is called. */
export const Name = text(
  (value) => value.length >= 1 && value.length <= 100 && !UNSEEN.test(value),
  "A name has 1 to 100 characters, all of which can be seen."
)

/** By which way somebody came in. */
export const SignInMethod = Schema.Literals(["password", "passkey", "upstream", "link", "recovery"])
export type SignInMethod = typeof SignInMethod.Type
