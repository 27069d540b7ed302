/** Client ID Metadata Documents: a `client_id` that is the URL of what there is to know (draft-ietf-oauth-client-id-metadata-document). */

import { Result } from "effect"
import { InvalidClientMetadata, type InvalidRedirectUri } from "../errors.ts"
import { AUTH_METHODS, type Client, type TokenEndpointAuthMethod, usesSecret } from "./client.ts"
import * as ClientMetadata from "./metadata.ts"

/** Section 6.6 of the draft: more is nobody's metadata. */
export const MAX_BYTES = 5 * 1024
const MAX_URL = 512

/** A shared secret makes no sense in a public document (section 4.1). */
const DOCUMENT_METHODS = AUTH_METHODS.filter((method) => !usesSecret(method))

/**
 * Whether a `client_id` may be fetched: an https URL with a path, without credentials or fragment, in the one spelling
 * of the URL standard, so that no other spelling of it is another client (section 3).
 */
export const isDocumentUrl = (clientId: string): boolean => {
  if (!clientId.startsWith("https://") || clientId.length > MAX_URL || !URL.canParse(clientId)) return false
  const url = new URL(clientId)
  const plain = url.username === "" && url.password === "" && !clientId.includes("#") && !clientId.includes("@")
  return plain && url.href === clientId && url.pathname !== "/" && !/%2e|%2f|%5c|\\/i.test(url.pathname)
}

const wrong = (description: string) => Result.fail(new InvalidClientMetadata({ description }))

/** The client that the document at `url` describes. */
export const parse = (
  url: string,
  document: unknown,
  schemes: ReadonlyArray<string>
): Result.Result<Client, InvalidClientMetadata | InvalidRedirectUri> =>
  Result.gen(function* () {
    const said: Readonly<Record<string, unknown>> = Object(document)
    // Simple string comparison (section 4.1): nothing that looks like it will do.
    if (said.client_id !== url) return yield* wrong("client_id is not the URL of the document")
    if (typeof said.client_name !== "string" || said.client_name.trim() === "")
      return yield* wrong("client_name is missing")
    if (Object.keys(said).some((name) => name.startsWith("client_secret"))) {
      return yield* wrong("the document holds a client secret")
    }
    const methods = authMethods(said)
    if (methods.length === 0) return yield* wrong("token_endpoint_auth_method is not none or private_key_jwt")
    const stated = { ...said, token_endpoint_auth_method: methods.at(-1) }
    const { metadata } = yield* ClientMetadata.effective(stated, {
      schemes,
      authMethods: DOCUMENT_METHODS,
      defaultMethods: ["none"]
    })
    return ClientMetadata.toClient(url, "document", metadata, methods)
  })

/**
 * `none` first. One document serves servers that differ, so some list further methods than the one that they state.
 */
const authMethods = (said: Readonly<Record<string, unknown>>): ReadonlyArray<TokenEndpointAuthMethod> => {
  const { token_endpoint_auth_method: stated = "none", token_endpoint_auth_methods_supported: listed } = said
  const all: ReadonlyArray<unknown> = Array.isArray(listed) ? [stated, ...listed] : [stated]
  return DOCUMENT_METHODS.filter((method) => all.includes(method))
}
