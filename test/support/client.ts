/** What a client and its browser do, step by step, with every answer in hand. */

import { createHash, randomBytes } from "node:crypto"
import { request as httpRequest } from "node:http"
import { text as textOf } from "node:stream/consumers"
import { Context, Effect } from "effect"
import { TestApp } from "./app.ts"

export const REDIRECT_URI = "http://127.0.0.1:4711/callback"

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON, `undefined` when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any
}

/** Whether each request has a connection of its own, so that a balancer may give it to the next server. */
export class Unconnected extends Context.Reference<boolean>("test/Unconnected", { defaultValue: () => false }) {}

/** One request to the running server; redirects are answers, not followed. */
export const request = Effect.fn("test.request")(function* (path: string, init: RequestInit = {}) {
  const { baseUrl } = yield* TestApp
  const headers = new Headers(init.headers)
  if (yield* Unconnected) headers.set("connection", "close")
  return yield* Effect.promise(async (): Promise<Answer> => {
    const response = await fetch(new URL(path, baseUrl), { redirect: "manual", ...init, headers })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parseJson(text) }
  })
})

/** The same as a browser sends it whose person goes there; `fetch` would say of itself that it is none (Fetch Metadata). */
export const navigate = Effect.fn("test.navigate")(function* (path: string, method = "GET") {
  const { baseUrl } = yield* TestApp
  const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-mode": "navigate" }
  return yield* Effect.callback<Answer>((resume) => {
    const outgoing = httpRequest(new URL(path, baseUrl), { method, headers }, async (response) => {
      const text = await textOf(response)
      const headers = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
      resume(Effect.succeed({ status: response.statusCode ?? 0, headers, text, body: parseJson(text) }))
    })
    outgoing.once("error", (error) => resume(Effect.die(error)))
    outgoing.end()
  })
})

const parseJson = (text: string) => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const newPkce = () => {
  const verifier = randomBytes(32).toString("base64url")
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") }
}

/** The parameters of a request that nothing is wrong with; `undefined` takes one away. */
export const authorizeParameters = (challenge: string, over: Readonly<Record<string, string | undefined>> = {}) => {
  const parameters: Record<string, string | undefined> = {
    response_type: "code",
    client_id: "demo",
    redirect_uri: REDIRECT_URI,
    code_challenge: challenge,
    code_challenge_method: "S256",
    state: "a state",
    scope: "mcp.tools.call offline_access",
    ...over
  }
  return Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])) as Array<
    [string, string]
  >
}

export const getAuthorize = (pairs: ReadonlyArray<readonly [string, string]>, headers: Record<string, string> = {}) =>
  request(`/authorize?${new URLSearchParams(pairs.map(([name, value]) => [name, value]))}`, { headers })

/** The hidden fields and the cookie of a consent page. */
export const formOf = (page: Answer) => {
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.text)?.[1] ?? ""
  return {
    transaction: field("transaction"),
    csrf_token: field("csrf_token"),
    cookie: (page.headers.get("set-cookie") ?? "").split(";")[0] ?? ""
  }
}

export const decide = (
  form: { readonly transaction: string; readonly csrf_token: string; readonly cookie: string },
  decision: string,
  headers: Record<string, string> = {}
) =>
  request("/authorize/decision", {
    method: "POST",
    body: new URLSearchParams({ transaction: form.transaction, csrf_token: form.csrf_token, decision }),
    headers: { cookie: form.cookie, ...headers }
  })

export const locationOf = (answer: Answer) => new URL(answer.headers.get("location") ?? "missing:")

/** Asks and allows; the code with its verifier. */
export const obtainCode = Effect.fn("test.obtainCode")(function* (
  over: Readonly<Record<string, string | undefined>> = {}
) {
  const pkce = newPkce()
  const page = yield* getAuthorize(authorizeParameters(pkce.challenge, over))
  const answer = yield* decide(formOf(page), "approve")
  const code = locationOf(answer).searchParams.get("code")
  if (code === null) return yield* Effect.die(new Error(`no code: ${answer.status} ${page.status} ${page.text}`))
  return { code, verifier: pkce.verifier }
})

export const postForm = (
  path: string,
  pairs: Readonly<Record<string, string>> | ReadonlyArray<readonly [string, string]>,
  headers: Record<string, string> = {}
) => request(path, { method: "POST", body: new URLSearchParams(pairs as Record<string, string>), headers })

/** A code exchange of the public client; `over` replaces parameters. */
export const exchange = (
  code: { readonly code: string; readonly verifier: string },
  over: Readonly<Record<string, string>> = {},
  headers: Record<string, string> = {}
) =>
  postForm(
    "/token",
    {
      grant_type: "authorization_code",
      client_id: "demo",
      code: code.code,
      code_verifier: code.verifier,
      redirect_uri: REDIRECT_URI,
      ...over
    },
    headers
  )

export const refresh = (refreshToken: string, over: Readonly<Record<string, string>> = {}) =>
  postForm("/token", { grant_type: "refresh_token", client_id: "demo", refresh_token: refreshToken, ...over })

export const revoke = (token: string, over: Readonly<Record<string, string>> = {}) =>
  postForm("/revoke", { client_id: "demo", token, ...over })

/** A whole flow of the public client. */
export const obtainTokens = Effect.fn("test.obtainTokens")(function* (
  over: Readonly<Record<string, string | undefined>> = {}
) {
  const { body } = yield* exchange(yield* obtainCode(over))
  return body as { access_token: string; refresh_token: string; expires_in: number; scope: string; token_type: string }
})

/** A JSON-RPC message to `/mcp`, on the 2025-11-25 wire. */
export const rpc = (
  accessToken: string | undefined,
  method: string,
  params: unknown = {},
  headers: Record<string, string> = {}
) =>
  request("/mcp", {
    method: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-11-25",
      ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
      ...headers
    }
  })

/** The message of an answer, whichever way it was framed. */
export const messageOf = (answer: Answer) => answer.body ?? JSON.parse(/^data: (.+)$/m.exec(answer.text)?.[1] ?? "null")

/** Whether `/mcp` lets the token in. */
export const admitted = (accessToken: string) =>
  Effect.map(rpc(accessToken, "tools/list"), ({ status }) => status === 200)

export const call = (accessToken: string, name: string, args: unknown) =>
  rpc(accessToken, "tools/call", { name, arguments: args })

/** Opens a stream that tells when the tools change; it is open when this returns. */
export const listen = Effect.fn("test.listen")(function* (accessToken: string) {
  const { baseUrl } = yield* TestApp
  return yield* Effect.promise(() =>
    fetch(`${baseUrl}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        authorization: `Bearer ${accessToken}`,
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "subscriptions/listen"
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "subscriptions/listen",
        params: {
          _meta: {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
            "io.modelcontextprotocol/clientCapabilities": {}
          },
          notifications: { toolsListChanged: true }
        }
      })
    })
  )
})

/** How many rows each table of ours holds: a refused request changes none of it. */
export const rowCounts = Effect.fn("test.rowCounts")(function* () {
  const { sql } = yield* TestApp
  const [row] = yield* sql`
    select (select count(*)::int from mcp.oauth_clients) as clients,
           (select count(*)::int from mcp.oauth_authorization_codes) as codes,
           (select count(*)::int from mcp.oauth_decisions) as decisions,
           (select count(*)::int from mcp.mcp_sessions) as sessions,
           (select count(*)::int from mcp.mcp_sessions where status = 'active') as active,
           (select count(*)::int from mcp.oauth_access_tokens) as access,
           (select count(*)::int from mcp.oauth_access_tokens where revoked_at is null) as live_access,
           (select count(*)::int from mcp.oauth_refresh_tokens) as refresh,
           (select count(*)::int from mcp.oauth_refresh_tokens where revoked_at is null) as live_refresh,
           (select count(*)::int from mcp.audit_events) as audit`.pipe(Effect.orDie)
  return row
})
