/** Gatehouse under test: its own Postgres, a client that registered itself, and grants as a person's consent gives them. */

import { createHash, randomBytes } from "node:crypto"
import { NODE, run, type Server, serve } from "./process.ts"

const REDIRECT_URI = "http://127.0.0.1/callback"

export interface Gatehouse extends Server {
  readonly clientId: string
  /** Bodies for the token endpoint, each with a code of its own. */
  readonly codes: (count: number) => Promise<Array<string>>
  /** Tokens of new sessions. */
  readonly tokens: (count: number) => Promise<Array<{ readonly access_token: string; readonly refresh_token: string }>>
}

/** What differs from a real deployment: nobody is asked for consent, no address is slowed down, requests are not logged. */
const SETTINGS = { AUTO_APPROVE: "true", RATE_LIMIT_ENABLED: "false", LOG_LEVEL: "warn", ENABLE_CLEANUP_JOB: "false" }

export const migrate = (databaseUrl: string) => run("src/app/programs/dbInit.ts", { DATABASE_URL: databaseUrl })

/** On a database that has been migrated. */
export const startGatehouse = async (
  databaseUrl: string,
  settings: Readonly<Record<string, string>> = {},
  cores?: string
): Promise<Gatehouse> => {
  const server = await serve("src/main.ts", { ...SETTINGS, DATABASE_URL: databaseUrl, ...settings }, NODE, cores)
  const base = `http://localhost:${server.port}`
  const registered = await fetch(`${base}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"]
    })
  })
  const { client_id: clientId } = (await registered.json()) as { readonly client_id: string }

  const code = async () => {
    const verifier = randomBytes(32).toString("base64url")
    const query = new URLSearchParams({
      response_type: "code",
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256"
    })
    const answer = await fetch(`${base}/authorize?${query}`, { redirect: "manual" })
    const location = answer.headers.get("location")
    if (location === null) throw new Error(`no code: ${answer.status} ${await answer.text()}`)
    return new URLSearchParams({
      grant_type: "authorization_code",
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      code: new URL(location).searchParams.get("code") ?? "",
      code_verifier: verifier
    }).toString()
  }
  const many = async <A>(count: number, one: () => Promise<A>) => {
    const all: Array<A> = []
    while (all.length < count) {
      all.push(...(await Promise.all(Array.from({ length: Math.min(16, count - all.length) }, one))))
    }
    return all
  }
  const tokens = async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" }
    const answer = await fetch(`${base}/token`, { method: "POST", headers, body: await code() })
    if (answer.status !== 200) throw new Error(`no tokens: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as { readonly access_token: string; readonly refresh_token: string }
  }
  return { ...server, clientId, codes: (count) => many(count, code), tokens: (count) => many(count, tokens) }
}
