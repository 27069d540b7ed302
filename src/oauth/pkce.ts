/** Proof Key for Code Exchange, S256 only (RFC 7636; OAuth 2.1 §7.5). */

import { createHash } from "node:crypto"

export const METHOD = "S256"

// RFC 7636 §4.2: base64url of a SHA-256 is 43 characters, unpadded.
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/
// RFC 7636 §4.1.
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/

export const isChallenge = (value: string): boolean => CHALLENGE.test(value)
export const isVerifier = (value: string): boolean => VERIFIER.test(value)

/**
 * RFC 7636 §4.2: `BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))`. A verifier proves the challenge that is its own (§4.6);
 * how long a comparison of digests takes tells nothing of a verifier.
 */
export const challengeOf = (verifier: string): string =>
  createHash("sha256").update(verifier, "ascii").digest("base64url")
