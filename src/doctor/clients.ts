/** Which clients can link themselves, given what was found, and what is in the way of those that cannot. */

import type { Finding, Id } from "./findings.ts"

interface ClientNeeds {
  readonly name: string
  readonly needs: ReadonlyArray<Id>
  /** Ways of making itself known, the preferred first: one of them is enough. */
  readonly identity: ReadonlyArray<"documents" | "registration">
}

const DISCOVERY: ReadonlyArray<Id> = [
  "reachable",
  "challenge",
  "resource-metadata",
  "resource-exact",
  "server-metadata",
  "issuer-exact",
  "pkce"
]

const CLIENTS: ReadonlyArray<ClientNeeds> = [
  { name: "ChatGPT", needs: [...DISCOVERY, "https", "public", "iss", "fast"], identity: ["documents", "registration"] },
  { name: "Codex", needs: [...DISCOVERY, "iss"], identity: ["documents", "registration"] },
  {
    name: "Claude",
    needs: [...DISCOVERY, "https", "public", "get-401", "offline-access", "fast"],
    identity: ["documents", "registration"]
  },
  { name: "Claude Code", needs: [...DISCOVERY, "offline-access"], identity: ["documents", "registration"] },
  { name: "VS Code", needs: [...DISCOVERY, "suffixed-metadata"], identity: ["documents", "registration"] },
  { name: "Cursor", needs: [...DISCOVERY, "openid-metadata"], identity: ["registration"] },
  { name: "MCP Inspector", needs: [...DISCOVERY, "cors"], identity: ["registration"] },
  { name: "mcp-remote", needs: [...DISCOVERY, "resource-root"], identity: ["registration"] }
]

export interface Verdict {
  readonly client: string
  /** How it will make itself known; nothing when it cannot link itself. */
  readonly by: "documents" | "registration" | undefined
  readonly obstacles: ReadonlyArray<Finding>
}

export const judge = (findings: ReadonlyArray<Finding>): ReadonlyArray<Verdict> =>
  CLIENTS.map(({ name, needs, identity }) => {
    const failed = (id: Id) => findings.find((finding) => finding.id === id && !finding.ok)
    const by = identity.find((way) => failed(way) === undefined)
    const missing = by === undefined ? [failed(identity.at(-1) ?? "registration")] : []
    const obstacles = [...needs.map(failed), ...missing].filter((finding) => finding !== undefined)
    return { client: name, by: obstacles.length === 0 ? by : undefined, obstacles }
  })
