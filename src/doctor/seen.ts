/** All that is looked at in a deployment, before anything is said about it. */

import { Effect } from "effect"
import { type Probe, type ProbeOptions, probe } from "./probe.ts"

/** A page of an origin other than the server's: the Inspector's. */
export const BROWSER = "http://localhost:6274"

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "gatehouse-doctor", version: "1" } }
}

const PREFLIGHT = {
  method: "OPTIONS",
  headers: {
    origin: BROWSER,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,mcp-protocol-version"
  }
} satisfies ProbeOptions

const probesOf = (base: string) => {
  const wellKnown = (name: string, options?: ProbeOptions) => probe(`${base}/.well-known/${name}`, options)
  return {
    post: probe(`${base}/mcp`, { body: INITIALIZE, headers: { accept: "application/json, text/event-stream" } }),
    get: probe(`${base}/mcp`),
    resource: wellKnown("oauth-protected-resource/mcp"),
    rootResource: wellKnown("oauth-protected-resource"),
    server: wellKnown("oauth-authorization-server"),
    openidServer: wellKnown("openid-configuration"),
    suffixedServer: wellKnown("oauth-authorization-server/mcp"),
    corsDiscovery: wellKnown("oauth-protected-resource/mcp", { headers: { origin: BROWSER } }),
    corsToken: probe(`${base}/token`, PREFLIGHT),
    corsRegister: probe(`${base}/register`, PREFLIGHT),
    corsMcp: probe(`${base}/mcp`, PREFLIGHT)
  }
}

export interface Seen extends Readonly<Record<keyof ReturnType<typeof probesOf>, Probe>> {
  /** The origin that was given. */
  readonly base: string
  /** Where clients are told to find the tools. */
  readonly mcp: string
  /** On this computer, where https is not needed and hosted clients cannot call. */
  readonly isLocal: boolean
  /** What the authorization server says of itself. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly slowest: Probe
}

export const probeAll = Effect.fn("doctor.probeAll")(function* (base: string) {
  const probes = yield* Effect.all(probesOf(base), { concurrency: 4 })
  return {
    ...probes,
    base,
    mcp: `${base}/mcp`,
    isLocal: /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|$)/.test(base),
    metadata: probes.server.json,
    slowest: Object.values(probes).reduce((left, right) => (left.ms > right.ms ? left : right))
  } satisfies Seen
})
