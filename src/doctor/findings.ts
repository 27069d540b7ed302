/** What is found out about a deployment: one finding per thing that some client depends on. */

import { Effect } from "effect"
import { challengeParameter, type Probe, probe, saw } from "./probe.ts"

export interface Finding {
  readonly id: Id
  readonly title: string
  readonly ok: boolean
  /** What was seen, and what to do about it. */
  readonly reason: string
  readonly fix: string
}

export type Id =
  | "reachable"
  | "https"
  | "public"
  | "challenge"
  | "get-401"
  | "resource-metadata"
  | "resource-root"
  | "resource-exact"
  | "server-metadata"
  | "openid-metadata"
  | "suffixed-metadata"
  | "issuer-exact"
  | "pkce"
  | "iss"
  | "documents"
  | "registration"
  | "offline-access"
  | "cors"
  | "fast"

/** A third of what clients wait. */
const SLOW_MS = 3000
/** A page of an origin other than ours: the Inspector's. */
const BROWSER = "http://localhost:6274"

const strings = (value: unknown): ReadonlyArray<string> => (Array.isArray(value) ? value.map(String) : [])

const isJson = ({ headers }: Probe) => /^application\/json\b/.test(headers["content-type"] ?? "")
const isDocument = (answer: Probe) => answer.status === 200 && isJson(answer)

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "gatehouse-doctor", version: "1" } }
}

export interface Diagnosis {
  readonly findings: ReadonlyArray<Finding>
  readonly mcp: string
  readonly server: Readonly<Record<string, unknown>>
}

/** Probes `base`, an origin, and judges every answer. */
export const diagnose = Effect.fn("doctor.diagnose")(function* (base: string) {
  const mcp = `${base}/mcp`
  const wellKnown = (name: string) => probe(`${base}/.well-known/${name}`)
  const preflight = (path: string) =>
    probe(`${base}${path}`, {
      method: "OPTIONS",
      headers: {
        origin: BROWSER,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,mcp-protocol-version"
      }
    })
  const probes = yield* Effect.all(
    {
      post: probe(mcp, { body: INITIALIZE, headers: { accept: "application/json, text/event-stream" } }),
      get: probe(mcp),
      resource: wellKnown("oauth-protected-resource/mcp"),
      root: wellKnown("oauth-protected-resource"),
      server: wellKnown("oauth-authorization-server"),
      openid: wellKnown("openid-configuration"),
      suffixed: wellKnown("oauth-authorization-server/mcp"),
      corsDiscovery: probe(`${base}/.well-known/oauth-protected-resource/mcp`, { headers: { origin: BROWSER } }),
      corsToken: preflight("/token"),
      corsMcp: preflight("/mcp")
    },
    { concurrency: 4 }
  )
  const { post, get, resource, root, server, openid, suffixed } = probes
  const metadata = server.json
  const issuer = strings(resource.json.authorization_servers)[0]
  const methods = strings(metadata.token_endpoint_auth_methods_supported)
  const slowest = Object.values(probes).reduce((left, right) => (left.ms > right.ms ? left : right))
  const corsOf = ({ headers }: Probe) => ["*", BROWSER].includes(headers["access-control-allow-origin"] ?? "")
  const isLocal = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|$)/.test(base)

  const finding = (id: Id, title: string, ok: boolean, reason: string, fix: string): Finding => ({
    id,
    title,
    ok,
    reason,
    fix
  })
  const findings = [
    finding(
      "reachable",
      "the server answers",
      post.status !== 0,
      saw(post),
      "check the address, DNS, TLS and that the server runs"
    ),
    finding(
      "https",
      "by https",
      base.startsWith("https:") || isLocal,
      "the address is http",
      "put TLS in front and set BASE_URL to the https address"
    ),
    finding(
      "public",
      "from the internet",
      !isLocal,
      `${new URL(base).hostname} is this computer alone, and hosted clients call from theirs`,
      "give it a public https address, for example by a tunnel, and set BASE_URL to that"
    ),
    finding(
      "challenge",
      "401 with a challenge that leads on",
      post.status === 401 && challengeParameter(post, "resource_metadata") === resource.url,
      post.status === 401
        ? `resource_metadata is ${challengeParameter(post, "resource_metadata") ?? "missing"}`
        : saw(post),
      "let WWW-Authenticate pass the proxy, and set BASE_URL to the address that clients use"
    ),
    finding("get-401", "401 for GET too", get.status === 401, saw(get), "do not answer GET /mcp in a proxy"),
    finding(
      "resource-metadata",
      "resource metadata with the path",
      isDocument(resource),
      saw(resource),
      "route /.well-known/* to the server"
    ),
    finding(
      "resource-root",
      "resource metadata at the root",
      isDocument(root),
      saw(root),
      "route /.well-known/* to the server"
    ),
    finding(
      "resource-exact",
      "resource is the address of /mcp",
      resource.json.resource === mcp,
      `it says ${String(resource.json.resource)}, clients use ${mcp}`,
      `set BASE_URL=${base}`
    ),
    finding(
      "server-metadata",
      "authorization server metadata",
      isDocument(server),
      saw(server),
      "route /.well-known/* to the server"
    ),
    finding(
      "openid-metadata",
      "the same in its OpenID form",
      isDocument(openid),
      saw(openid),
      "route /.well-known/* to the server"
    ),
    finding(
      "suffixed-metadata",
      "the same with /mcp behind",
      isDocument(suffixed),
      saw(suffixed),
      "route /.well-known/* to the server"
    ),
    finding(
      "issuer-exact",
      "one spelling of the issuer",
      metadata.issuer === base && issuer === base,
      `metadata says ${String(metadata.issuer)}, the resource says ${String(issuer)}, the address is ${base}`,
      `set BASE_URL=${base}`
    ),
    finding(
      "pkce",
      "PKCE with S256",
      strings(metadata.code_challenge_methods_supported).includes("S256"),
      "S256 is not listed",
      "this is not a Gatehouse server, or a proxy rewrites its metadata"
    ),
    finding(
      "iss",
      "issuer in answers (RFC 9207)",
      metadata.authorization_response_iss_parameter_supported === true,
      "it is not announced",
      "this is not a Gatehouse server, or a proxy rewrites its metadata"
    ),
    finding(
      "documents",
      "client metadata documents",
      metadata.client_id_metadata_document_supported === true &&
        methods.includes("none") &&
        methods.includes("private_key_jwt"),
      "they are not announced",
      "set CLIENT_ID_METADATA_DOCUMENTS=true"
    ),
    finding(
      "registration",
      "dynamic registration",
      typeof metadata.registration_endpoint === "string",
      "there is no registration_endpoint",
      "set DYNAMIC_REGISTRATION=open, or register such clients with npm run client:add"
    ),
    finding(
      "offline-access",
      "clients may stay connected",
      strings(metadata.scopes_supported).includes("offline_access"),
      "offline_access is not listed",
      "this is not a Gatehouse server, or a proxy rewrites its metadata"
    ),
    finding(
      "cors",
      "readable by browser clients",
      corsOf(probes.corsDiscovery) && corsOf(probes.corsToken) && corsOf(probes.corsMcp),
      `a page of ${BROWSER} may not read ${corsOf(probes.corsDiscovery) ? "/token or /mcp" : "the metadata"}`,
      `add ${BROWSER} to CORS_ORIGINS and MCP_ALLOWED_ORIGINS if browsers are to connect`
    ),
    finding(
      "fast",
      "fast enough",
      slowest.ms < SLOW_MS,
      `${new URL(slowest.url).pathname} took ${slowest.ms} ms, and clients give up after ten seconds`,
      "keep an instance warm, near its database"
    )
  ]
  // Of a server that does not answer, nothing else is worth saying.
  const told = post.status === 0 ? findings.slice(0, 1) : findings
  return { findings: told, mcp, server: metadata } satisfies Diagnosis
})
