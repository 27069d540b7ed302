// The Worker that workers.ts runs. Codes are made by the library's own helper, as an /authorize page would have them made.

import { OAuthProvider } from "@cloudflare/workers-oauth-provider"

const REDIRECT_URI = "http://127.0.0.1/callback"
const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")

const code = async (env, clientId, origin) => {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)))
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    scope: "mcp offline_access",
    state: "state",
    code_challenge: base64url(digest),
    code_challenge_method: "S256"
  })
  const request = await env.OAUTH_PROVIDER.parseAuthRequest(new Request(`${origin}/authorize?${query}`))
  const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
    request,
    userId: "person",
    metadata: {},
    scope: request.scope,
    props: {},
    revokeExistingGrants: false
  })
  return new URLSearchParams({
    grant_type: "authorization_code",
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code: new URL(redirectTo).searchParams.get("code"),
    code_verifier: verifier
  }).toString()
}

const defaultHandler = {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (url.pathname !== "/bench/codes") return new Response("ready")
    const client = await env.OAUTH_PROVIDER.createClient({
      redirectUris: [REDIRECT_URI],
      clientName: "bench",
      tokenEndpointAuthMethod: "none",
      grantTypes: ["authorization_code", "refresh_token"]
    })
    const codes = []
    while (codes.length < Number(url.searchParams.get("count"))) {
      codes.push(await code(env, client.clientId, url.origin))
    }
    return Response.json(codes)
  }
}

const origin = "http://localhost:PORT"
export default new OAuthProvider({
  apiRoute: "/mcp",
  apiHandler: { fetch: () => new Response("ok") },
  defaultHandler,
  authorizeEndpoint: "/authorize",
  tokenEndpoint: "/token",
  scopesSupported: ["mcp", "offline_access"],
  resourceMetadata: { resource: `${origin}/mcp`, authorization_servers: [origin] }
})
