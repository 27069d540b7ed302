/** better-auth's OAuth provider on the same Postgres: a public client, a signed-in person, opaque tokens. */

import { createHash, randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { oauthProvider } from "@better-auth/oauth-provider"
import { betterAuth } from "better-auth"
import { getMigrations } from "better-auth/db/migration"
import { toNodeHandler } from "better-auth/node"
import pg from "pg"
import { port } from "../tools.ts"

const REDIRECT_URI = "https://client.example/callback"
const base = `http://localhost:${port}`
const auth = betterAuth({
  baseURL: base,
  secret: randomBytes(32).toString("hex"),
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  session: { cookieCache: { enabled: true } },
  logger: { level: "error" },
  plugins: [oauthProvider({ loginPage: "/sign-in", consentPage: "/consent", disableJwtPlugin: true })]
})
const { runMigrations } = await getMigrations(auth.options)
await runMigrations()

const { headers } = await auth.api.signUpEmail({
  body: {
    email: `${randomBytes(8).toString("hex")}@example.com`,
    password: randomBytes(16).toString("hex"),
    name: "Bench"
  },
  returnHeaders: true
})
const cookie = headers
  .getSetCookie()
  .map((line) => line.split(";")[0])
  .join("; ")
const client = await auth.api.adminCreateOAuthClient({
  headers: { cookie },
  body: {
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    scope: "openid offline_access",
    skip_consent: true
  }
})

const code = async () => {
  const verifier = randomBytes(32).toString("base64url")
  const query = new URLSearchParams({
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    scope: "openid offline_access",
    state: "state",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256"
  })
  const answer = await auth.handler(
    new Request(`${base}/api/auth/oauth2/authorize?${query}`, { headers: { cookie }, redirect: "manual" })
  )
  const location = answer.headers.get("location")
  const made = location === null ? null : new URL(location, base).searchParams.get("code")
  if (made === null) throw new Error(`no code: ${answer.status} ${location} ${await answer.text()}`)
  return new URLSearchParams({
    grant_type: "authorization_code",
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    code: made,
    code_verifier: verifier
  }).toString()
}

const handle = toNodeHandler(auth)
createServer((request, response) => {
  const url = new URL(request.url ?? "", base)
  if (url.pathname !== "/bench/codes") return void handle(request, response)
  const many = async () => {
    const codes: Array<string> = []
    while (codes.length < Number(url.searchParams.get("count"))) codes.push(await code())
    return JSON.stringify(codes)
  }
  many().then(
    (codes) => response.end(codes),
    (error) => response.writeHead(500).end(String(error))
  )
}).listen(port, "127.0.0.1")
