/** A world for hostile requests: an owner, a member and somebody who was turned out, each with all that is theirs. */

import { randomUUID } from "node:crypto"
import { Effect, Redacted } from "effect"
import { configure } from "../../../src/oauth/clients/configured.ts"
import { markOf } from "../../../src/oauth/tokens/mark.ts"
import { ServerKeys } from "../../../src/oauth/tokens/ServerKeys.ts"
import { People } from "../../../src/people/People.ts"
import type { Role } from "../../../src/people/person.ts"
import { TestApp } from "../app.ts"
import {
  authorizeParameters,
  formOf,
  getAuthorize,
  newPkce,
  postForm,
  request,
  REDIRECT_URI as WITH_PORT
} from "../client.ts"
import { newCode, REDIRECT_URI } from "../grants.ts"
import { browserOf, somebody } from "../people.ts"
import type { World } from "./requests.ts"
import type { Party } from "./shapes.ts"

const CONFIDENTIAL = { client_id: "confidential", client_secret: "a-secret-of-the-confidential-client-0123456789" }
const PUBLIC = { client_id: "public" }

/** What a server is started with, so that all of its routes are there and nothing but its own rules says no. */
export const HOSTILE_VARIABLES: Readonly<Record<string, string>> = {
  BUILT_IN_TOOLS: "calculator",
  ENABLE_CLEANUP_JOB: "false",
  OPENAI_APPS_CHALLENGE: "token-0123456789",
  RATE_LIMIT_ENABLED: "false",
  SIGN_UP: "open",
  OIDC_PROVIDERS: "corp",
  // Nobody is there.
  OIDC_CORP_ISSUER: "http://127.0.0.1:9",
  OIDC_CORP_CLIENT_ID: "gatehouse",
  OIDC_CORP_CLIENT_SECRET: "a-secret-of-the-provider-0123456789"
}

/** Where answers may lead to: what is registered there. */
export const LEADS_TO = [REDIRECT_URI, WITH_PORT, "https://a.example/cb"].map((uri) => new URL(uri).origin)

const NOBODY = { id: undefined, address: undefined }
const SCOPES = ["openid", "mcp.tools.call", "offline_access"]

/** Somebody by this name: as they were made once, whatever was done to them since. */
const present = Effect.fnUntraced(function* (name: string, role: Role) {
  const { sql } = yield* TestApp
  const email = `${name.toLowerCase()}@people.example`
  const [known] = yield* sql<{ readonly id: string }>`
    update mcp.people set role = ${role}, disabled_at = null where email = ${email} returning id::text`.pipe(
    Effect.orDie
  )
  return known?.id ?? (yield* somebody(name, role)).id
})

const registering = Effect.gen(function* () {
  const { body } = yield* request("/register", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: "none" })
  })
  return { registered: String(body.client_id), registration_token: String(body.registration_access_token) }
})

interface Client {
  readonly client_id: string
  readonly client_secret?: string
}

const configured = ({ client_id, client_secret }: Client) =>
  configure({
    id: client_id,
    name: client_id,
    secret: client_secret === undefined ? undefined : Redacted.make(client_secret),
    redirectUris: [REDIRECT_URI]
  })

const tokensOf = Effect.fnUntraced(function* (client: Client, personId: string) {
  const form = yield* newCode(client.client_id, personId, SCOPES)
  const { body } = yield* postForm("/token", [...form, ...Object.entries(client)])
  const { access_token, refresh_token, id_token } = body
  return { access_token: String(access_token), refresh_token: String(refresh_token), id_token: String(id_token) }
})

const partyOf = Effect.fnUntraced(function* (name: string, role: Role, client: Client) {
  const keys = yield* ServerKeys
  const people = yield* People
  const person = yield* present(name, role)
  const { cookie, sessionId } = yield* browserOf(person)
  const page = yield* getAuthorize(
    authorizeParameters(newPkce().challenge, { client_id: client.client_id, prompt: "consent" }),
    {
      cookie
    }
  )
  const { transaction, csrf_token: form_token } = formOf(page)
  const pending = yield* newCode(client.client_id, person, SCOPES)
  const link = yield* role === "owner"
    ? people.invite(`guest-${randomUUID()}@people.example`, "member", NOBODY)
    : people.resetLink(person, NOBODY, "owner")
  return {
    cookie,
    csrf_token: markOf(keys, "page", sessionId),
    transaction,
    form_token,
    person,
    email: `${name.toLowerCase()}@people.example`,
    client_secret: "none",
    redirect_uri: REDIRECT_URI,
    code: pending.get("code") ?? "",
    code_verifier: pending.get("code_verifier") ?? "",
    link: Redacted.value(link ?? Redacted.make("")),
    session: sessionId,
    ...client,
    ...(yield* tokensOf(client, person)),
    ...(yield* registering)
  } satisfies Party
})

/** `name` distinguishes worlds in one database. */
export const makeWorld = Effect.fn("test.makeWorld")(function* (name: string, routes: ReadonlyArray<string>) {
  const { port } = yield* TestApp
  yield* configured(PUBLIC)
  yield* configured(CONFIDENTIAL)
  const owner = yield* partyOf(`Owner${name}`, "owner", PUBLIC)
  const member = yield* partyOf(`Member${name}`, "member", CONFIDENTIAL)
  const { registered: client_id } = yield* registering
  const gone = yield* partyOf(`Gone${name}`, "member", { client_id })
  yield* (yield* People).disable(gone.person, NOBODY)
  return { port, routes, parties: [owner, member, gone] } satisfies World
})
