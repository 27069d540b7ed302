/** A software authenticator: real credentials and signatures (ES256, attestation "none"), and each way to be wrong. */

import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto"

const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest()
const base64url = (data: Uint8Array | string) => Buffer.from(data).toString("base64url")

/** As much of CBOR as a credential takes. */
type Cbor = number | string | Uint8Array | ReadonlyMap<number | string, Cbor>
const head = (major: number, n: number) =>
  n < 24
    ? Buffer.from([(major << 5) | n])
    : n < 256
      ? Buffer.from([(major << 5) | 24, n])
      : Buffer.from([(major << 5) | 25, n >> 8, n & 255])
const cbor = (value: Cbor): Buffer => {
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === "string") return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)])])
}

/** What an answer claims; what is left out is as it should be. */
export interface Claims {
  readonly origin: string
  readonly rpId: string
  readonly counter?: number
  readonly isUserVerified?: boolean
  readonly userHandle?: string | undefined
}

/** One credential of a user handle (base64url). */
export const makeAuthenticator = (userHandle: string) => {
  const id = randomBytes(32)
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const { x = "", y = "" } = publicKey.export({ format: "jwk" })
  const cose = cbor(
    new Map<number, Cbor>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, "base64url")],
      [-3, Buffer.from(y, "base64url")]
    ])
  )
  const clientData = (type: string, challenge: string, origin: string) =>
    JSON.stringify({ type, challenge, origin, crossOrigin: false })
  const authData = ({ rpId, counter = 0, isUserVerified = true }: Claims, attested?: Buffer) => {
    const flags = 1 | (isUserVerified ? 4 : 0) | (attested === undefined ? 0 : 64)
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, attested ?? Buffer.alloc(0)])
  }
  const answer = (response: object) => ({
    id: base64url(id),
    rawId: base64url(id),
    type: "public-key",
    clientExtensionResults: {},
    response
  })
  return {
    id: base64url(id),
    make: (challenge: string, claims: Claims) => {
      const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, cose])
      const attestation = new Map<string, Cbor>([
        ["fmt", "none"],
        ["attStmt", new Map()],
        ["authData", authData(claims, attested)]
      ])
      return answer({
        clientDataJSON: base64url(clientData("webauthn.create", challenge, claims.origin)),
        attestationObject: base64url(cbor(attestation)),
        transports: ["internal"]
      })
    },
    use: (challenge: string, claims: Claims) => {
      const data = clientData("webauthn.get", challenge, claims.origin)
      const authenticatorData = authData(claims)
      const handle = "userHandle" in claims ? claims.userHandle : userHandle
      return answer({
        clientDataJSON: base64url(data),
        authenticatorData: base64url(authenticatorData),
        signature: base64url(sign("sha256", Buffer.concat([authenticatorData, sha256(data)]), privateKey)),
        ...(handle === undefined ? {} : { userHandle: handle })
      })
    }
  }
}
