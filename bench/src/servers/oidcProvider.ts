/** oidc-provider with its in-memory adapter, wide enough to hold what a round needs; refresh tokens rotate. */

import { createHash, randomBytes } from "node:crypto"
import Provider from "oidc-provider"
// @ts-expect-error: it is not part of the types
import MemoryAdapter from "oidc-provider/lib/adapters/memory_adapter.js"
// @ts-expect-error: neither is this
import LRU from "oidc-provider/lib/helpers/lru.js"
import { port } from "../tools.ts"

const REDIRECT_URI = "http://127.0.0.1/callback"
const SCOPE = "openid offline_access"
// The adapter's own bound of 1,000 entries would forget codes before they are redeemed.
const storage = new LRU({ maxSize: 1_000_000 })

const provider = new Provider(`http://localhost:${port}`, {
  adapter: (model) => new MemoryAdapter(model, storage),
  clients: [
    {
      client_id: "bench",
      application_type: "native",
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"]
    }
  ],
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ["bench"] }
})

const code = async () => {
  const client = await provider.Client.find("bench")
  if (client === undefined) throw new Error("no client")
  const verifier = randomBytes(32).toString("base64url")
  const grant = new provider.Grant({ accountId: "person", clientId: "bench" })
  grant.addOIDCScope(SCOPE)
  const grantId = await grant.save()
  const made = new provider.AuthorizationCode({
    accountId: "person",
    client,
    grantId,
    gty: "authorization_code",
    redirectUri: REDIRECT_URI,
    scope: SCOPE,
    codeChallenge: createHash("sha256").update(verifier).digest("base64url"),
    codeChallengeMethod: "S256"
  } as ConstructorParameters<typeof provider.AuthorizationCode>[0])
  return new URLSearchParams({
    grant_type: "authorization_code",
    client_id: "bench",
    redirect_uri: REDIRECT_URI,
    code: await made.save(),
    code_verifier: verifier
  }).toString()
}

provider.use(async (context, next) => {
  if (context.path !== "/bench/codes") return next()
  const codes: Array<string> = []
  while (codes.length < Number(context.query.count)) codes.push(await code())
  context.body = codes
})
provider.listen(port, "127.0.0.1")
