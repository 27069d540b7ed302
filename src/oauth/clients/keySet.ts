/** Public keys of clients (RFC 7517, RFC 7518): of a key set what can verify a signature, and nothing else. */

import { Option, Schema, SchemaTransformation } from "effect"

/** Members of a private or symmetric key (RFC 7518 §6): a client that publishes them has lost them. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

/** More keys than anybody rotates through, and of how many they are chosen: to look at each costs something. */
export const MAX_KEYS = 20
const MAX_LOOKED_AT = 200

const text = Schema.optionalKey(Schema.String)

/** RFC 7517 §4, of the types that `SIGNING_ALGORITHMS` can use. */
export const JsonWebKey = Schema.Struct({
  kty: Schema.Literals(["RSA", "EC"]),
  use: text,
  key_ops: Schema.optionalKey(Schema.mutable(Schema.Array(Schema.String))),
  alg: text,
  kid: text,
  n: text,
  e: text,
  crv: text,
  x: text,
  y: text
})
const decodeKey = Schema.decodeUnknownOption(JsonWebKey)

const isPrivate = (key: unknown) =>
  typeof key === "object" && key !== null && PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member))

/** RFC 7517 §5: keys "that are not understood, that are missing required members, or for which values are out of range" are ignored. */
export const KeySet = Schema.Struct({ keys: Schema.Array(Schema.Unknown) }).pipe(
  Schema.decodeTo(
    Schema.Struct({ keys: Schema.mutable(Schema.Array(JsonWebKey)) }),
    SchemaTransformation.transform({
      decode: ({ keys }) => ({
        keys: keys
          .slice(0, MAX_LOOKED_AT)
          .flatMap((key) => (isPrivate(key) ? [] : Option.toArray(decodeKey(key))))
          .slice(0, MAX_KEYS)
      }),
      encode: ({ keys }): { readonly keys: ReadonlyArray<unknown> } => ({ keys })
    })
  )
)
export type JsonWebKeySet = typeof KeySet.Type

const isSymmetric = (key: unknown) => typeof key === "object" && key !== null && "kty" in key && key.kty === "oct"
const isKeySet = Schema.is(Schema.Struct({ keys: Schema.Array(Schema.Unknown) }))

/** Whether a key set gives away what only its owner should have. */
export const holdsSecret = (said: unknown): boolean =>
  isKeySet(said) && said.keys.some((key) => isPrivate(key) || isSymmetric(key))
