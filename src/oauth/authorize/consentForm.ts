/**
 * A consent form that carries its own authorization request, so that asking for consent writes nothing.
 *
 * Two hidden fields: `transaction` is the request under an HMAC; `csrf_token` is an HMAC over that transaction and the
 * form's own cookie. A form of another browser, another transaction or another server therefore does not pass, and the
 * form's id, closed once in the store, makes the answer single-use. A cookie for each form: of pages that open at once,
 * one's would take the place of the others'.
 */

import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto"
import { Option, type Redacted, Schema } from "effect"
import type { ServerKey } from "../tokens/ServerKeys.ts"
import type { PendingRequest } from "./Interaction.ts"
import type { AuthorizationRequest } from "./request.ts"

/** Time to read and decide. */
export const FORM_LIFETIME_SECONDS = 600

const Transaction = Schema.Struct({
  id: Schema.String,
  key_id: Schema.Number,
  /** In milliseconds. */
  expires_at: Schema.Number,
  client_id: Schema.String,
  redirect_uri: Schema.String,
  state: Schema.optionalKey(Schema.String),
  scopes: Schema.Array(Schema.String),
  resource: Schema.String,
  code_challenge: Schema.String,
  nonce: Schema.optionalKey(Schema.String),
  /** Who was asked; absent where nobody signs in. */
  subject: Schema.optionalKey(Schema.String)
})
export type Transaction = typeof Transaction.Type

const TransactionJson = Schema.fromJsonString(Transaction)
const decode = Schema.decodeOption(TransactionJson)
const encode = Schema.encodeSync(TransactionJson)

/** What binds a form to the browser that it was shown in: a random value in a cookie. */
export const newBrowserId = (): string => randomBytes(32).toString("base64url")
const isBrowserId = (value: string | undefined): value is string => /^[A-Za-z0-9_-]{43}$/.test(value ?? "")

/** What is in the name of a form's cookie: short, since a browser sends the cookies of all its forms. */
export const shortId = ({ id }: Pick<Transaction, "id">): string => id.slice(0, 8)
export const isShortId = (value: string): boolean => /^[0-9a-f]{8}$/.test(value)

/** A new transaction for a validated request. `now` in milliseconds. */
export const begin = (request: AuthorizationRequest, key: ServerKey, now: number, subject?: string): Transaction => ({
  ...(subject === undefined ? {} : { subject }),
  ...(request.nonce === undefined ? {} : { nonce: request.nonce }),
  id: randomUUID(),
  key_id: key.id,
  expires_at: now + 1000 * FORM_LIFETIME_SECONDS,
  client_id: request.client.clientId,
  redirect_uri: request.redirectUri,
  ...(request.state === undefined ? {} : { state: request.state }),
  scopes: request.scopes,
  resource: request.resource,
  code_challenge: request.codeChallenge
})

/** What a form's answer is about. `secret` is what is posted with it, if it is posted. */
export const pendingOf = (transaction: Transaction, secret: Redacted.Redacted | undefined): PendingRequest => ({
  form: { id: transaction.id, lifetimeSeconds: FORM_LIFETIME_SECONDS, secret },
  clientId: transaction.client_id,
  redirectUri: transaction.redirect_uri,
  state: transaction.state,
  resource: transaction.resource,
  codeChallenge: transaction.code_challenge,
  nonce: transaction.nonce
})

const mac = (key: ServerKey, purpose: string, ...parts: ReadonlyArray<string>) =>
  createHmac("sha256", key.consentKey)
    .update([purpose, ...parts].join("\n"))
    .digest()

const equal = (presented: string, expected: Buffer) => {
  const bytes = Buffer.from(presented, "base64url")
  return bytes.length === expected.length && timingSafeEqual(bytes, expected)
}

/** The two hidden fields of the form. */
export const fieldsOf = (transaction: Transaction, key: ServerKey, browserId: string) => {
  const content = Buffer.from(encode(transaction)).toString("base64url")
  const signed = `${content}.${mac(key, "transaction", content).toString("base64url")}`
  return { transaction: signed, csrf_token: mac(key, "csrf", signed, browserId).toString("base64url") }
}

/** The transaction of a posted form, if the form is ours and this browser's. Its expiry is the caller's to judge. */
export const read = (
  form: { readonly transaction: string; readonly csrfToken: string },
  browserIdOf: (shortId: string) => string | undefined,
  keyById: (id: number) => ServerKey | undefined
): Option.Option<Transaction> => {
  const [content = "", signature = ""] = form.transaction.split(".")
  return decode(Buffer.from(content, "base64url").toString("utf8")).pipe(
    Option.filter((transaction) => {
      const key = keyById(transaction.key_id)
      const browserId = browserIdOf(shortId(transaction))
      return (
        key !== undefined &&
        isBrowserId(browserId) &&
        equal(signature, mac(key, "transaction", content)) &&
        equal(form.csrfToken, mac(key, "csrf", form.transaction, browserId))
      )
    })
  )
}
