/** What is found out about a deployment: one finding per thing that some client depends on. */

import { Effect } from "effect"
import { challengeParameter, type Probe, summaryOf } from "./probe.ts"
import { BROWSER, probeAll, type Seen } from "./seen.ts"

interface Row {
  readonly id: string
  /** What is so when all is well. */
  readonly title: string
  readonly ok: (seen: Seen) => boolean
  /** What was seen instead. */
  readonly reason: (seen: Seen) => string
  /** What to do about it. */
  readonly fix: string | ((seen: Seen) => string)
}

/** A third of what clients wait. */
const SLOW_MS = 3000

const ROUTE_WELL_KNOWN = "route /.well-known/* to the server"
const NOT_OURS = "this is not a Gatehouse server, or a proxy rewrites its metadata"
const setBaseUrl = ({ base }: Seen) => `set BASE_URL=${base}`

const strings = (value: unknown): ReadonlyArray<string> => (Array.isArray(value) ? value.map(String) : [])

/** A proxy may well answer 200 with a page of its own. */
const isMetadata = ({ status, headers }: Probe) =>
  status === 200 && /^application\/json\b/.test(headers["content-type"] ?? "")
const isReadable = ({ status, headers }: Probe) =>
  status >= 200 && status < 300 && ["*", BROWSER].includes(headers["access-control-allow-origin"] ?? "")
/** What a client in a browser asks for, and may not read. */
const unreadable = ({ corsDiscovery, corsRegister, corsToken, corsMcp, metadata }: Seen): ReadonlyArray<string> => {
  const probes = typeof metadata.registration_endpoint === "string" ? { "/register": corsRegister } : {}
  const asked = { "the metadata": corsDiscovery, ...probes, "/token": corsToken, "/mcp": corsMcp }
  return Object.entries(asked).flatMap(([name, probed]) => (isReadable(probed) ? [] : [name]))
}
const challengedTo = ({ post }: Seen) => challengeParameter(post, "resource_metadata")
const issuerOfResource = ({ resource }: Seen) => strings(resource.json.authorization_servers)[0]

const TABLE = [
  {
    id: "reachable",
    title: "the server answers",
    ok: ({ post }) => post.status !== 0,
    reason: ({ post }) => summaryOf(post),
    fix: "check the address, DNS, TLS and that the server runs"
  },
  {
    id: "https",
    title: "by https",
    ok: ({ base, isLocal }) => base.startsWith("https:") || isLocal,
    reason: () => "the address is http",
    fix: "put TLS in front and set BASE_URL to the https address"
  },
  {
    id: "public",
    title: "from the internet",
    ok: ({ isLocal }) => !isLocal,
    reason: ({ base }) => `${new URL(base).hostname} is this computer alone, and hosted clients call from theirs`,
    fix: "give it a public https address, for example by a tunnel, and set BASE_URL to that"
  },
  {
    id: "challenge",
    title: "401 with a challenge that leads on",
    ok: (seen) => seen.post.status === 401 && challengedTo(seen) === seen.resource.url,
    reason: (seen) =>
      seen.post.status === 401 ? `resource_metadata is ${challengedTo(seen) ?? "missing"}` : summaryOf(seen.post),
    fix: "let WWW-Authenticate pass the proxy, and set BASE_URL to the address that clients use"
  },
  {
    id: "get-401",
    title: "401 for GET too",
    ok: ({ get }) => get.status === 401,
    reason: ({ get }) => summaryOf(get),
    fix: "do not answer GET /mcp in a proxy"
  },
  {
    id: "resource-metadata",
    title: "resource metadata with the path",
    ok: ({ resource }) => isMetadata(resource),
    reason: ({ resource }) => summaryOf(resource),
    fix: ROUTE_WELL_KNOWN
  },
  {
    id: "resource-root",
    title: "resource metadata at the root",
    ok: ({ rootResource }) => isMetadata(rootResource),
    reason: ({ rootResource }) => summaryOf(rootResource),
    fix: ROUTE_WELL_KNOWN
  },
  {
    id: "resource-exact",
    title: "resource is the address of /mcp",
    ok: ({ resource, mcp }) => resource.json.resource === mcp,
    reason: ({ resource, mcp }) => `it says ${String(resource.json.resource)}, clients use ${mcp}`,
    fix: setBaseUrl
  },
  {
    id: "server-metadata",
    title: "authorization server metadata",
    ok: ({ server }) => isMetadata(server),
    reason: ({ server }) => summaryOf(server),
    fix: ROUTE_WELL_KNOWN
  },
  {
    id: "openid-metadata",
    title: "the same in its OpenID form",
    ok: ({ openidServer }) => isMetadata(openidServer),
    reason: ({ openidServer }) => summaryOf(openidServer),
    fix: ROUTE_WELL_KNOWN
  },
  {
    id: "suffixed-metadata",
    title: "the same with /mcp behind",
    ok: ({ suffixedServer }) => isMetadata(suffixedServer),
    reason: ({ suffixedServer }) => summaryOf(suffixedServer),
    fix: ROUTE_WELL_KNOWN
  },
  {
    id: "issuer-exact",
    title: "one spelling of the issuer",
    ok: (seen) => seen.metadata.issuer === seen.base && issuerOfResource(seen) === seen.base,
    reason: (seen) => {
      const [own, resources] = [String(seen.metadata.issuer), String(issuerOfResource(seen))]
      return `metadata says ${own}, the resource says ${resources}, the address is ${seen.base}`
    },
    fix: setBaseUrl
  },
  {
    id: "pkce",
    title: "PKCE with S256",
    ok: ({ metadata }) => strings(metadata.code_challenge_methods_supported).includes("S256"),
    reason: () => "S256 is not listed",
    fix: NOT_OURS
  },
  {
    id: "iss",
    title: "issuer in answers (RFC 9207)",
    ok: ({ metadata }) => metadata.authorization_response_iss_parameter_supported === true,
    reason: () => "it is not announced",
    fix: NOT_OURS
  },
  {
    id: "documents",
    title: "client metadata documents",
    // Clients that have one authenticate in one of these two ways.
    ok: ({ metadata }) => {
      const methods = strings(metadata.token_endpoint_auth_methods_supported)
      return (
        metadata.client_id_metadata_document_supported === true &&
        methods.includes("none") &&
        methods.includes("private_key_jwt")
      )
    },
    reason: () => "they are not announced",
    fix: "set CLIENT_ID_METADATA_DOCUMENTS=true"
  },
  {
    id: "registration",
    title: "dynamic registration",
    ok: ({ metadata }) => typeof metadata.registration_endpoint === "string",
    reason: () => "there is no registration_endpoint",
    fix: "set DYNAMIC_REGISTRATION=open, or register such clients with npm run client:add"
  },
  {
    id: "offline-access",
    title: "clients may stay connected",
    ok: ({ metadata }) => strings(metadata.scopes_supported).includes("offline_access"),
    reason: () => "offline_access is not listed",
    fix: NOT_OURS
  },
  {
    id: "cors",
    title: "readable by browser clients",
    ok: (seen) => unreadable(seen).length === 0,
    reason: (seen) => `a page of ${BROWSER} may not read ${unreadable(seen).join(", ")}`,
    fix: `add ${BROWSER} to CORS_ORIGINS if browsers are to connect`
  },
  {
    id: "fast",
    title: "fast enough",
    ok: ({ slowest }) => slowest.ms < SLOW_MS,
    reason: ({ slowest }) =>
      `${new URL(slowest.url).pathname} took ${slowest.ms} ms, and clients give up after ten seconds`,
    fix: "keep an instance warm, near its database"
  }
] as const satisfies ReadonlyArray<Row>

export type Id = (typeof TABLE)[number]["id"]

export interface Finding {
  readonly id: Id
  readonly title: string
  readonly ok: boolean
  readonly reason: string
  readonly fix: string
}

export interface Diagnosis {
  readonly findings: ReadonlyArray<Finding>
  readonly mcp: string
  /** What the authorization server says of itself. */
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Probes `base`, an origin, and judges all that was seen by every row. */
export const diagnose = Effect.fn("doctor.diagnose")(function* (base: string) {
  const seen = yield* probeAll(base)
  const findings = TABLE.map(
    ({ id, title, ok, reason, fix }): Finding => ({
      id,
      title,
      ok: ok(seen),
      reason: reason(seen),
      fix: typeof fix === "string" ? fix : fix(seen)
    })
  )
  // Of a server that does not answer, nothing else is worth saying.
  const told = seen.post.status === 0 ? findings.filter(({ id }) => id === "reachable") : findings
  return { findings: told, mcp: seen.mcp, metadata: seen.metadata } satisfies Diagnosis
})
