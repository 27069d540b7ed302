/** Which clients can link themselves, given what was found, and what is in the way of those that cannot. */

import type { Finding, Id } from "./findings.ts"

/** A way for a client to make itself known. */
type Way = Extract<Id, "documents" | "registration">

interface ClientNeeds {
  readonly name: string
  readonly needs: ReadonlyArray<Id>
  /** The preferred first: one of them is enough. */
  readonly ways: ReadonlyArray<Way>
}

/** What every client needs. */
const BASICS: ReadonlyArray<Id> = [
  "reachable",
  "challenge",
  "resource-metadata",
  "resource-exact",
  "server-metadata",
  "issuer-exact",
  "pkce"
]

const CLIENTS: ReadonlyArray<ClientNeeds> = [
  { name: "ChatGPT", needs: [...BASICS, "https", "public", "iss", "fast"], ways: ["documents", "registration"] },
  { name: "Codex", needs: [...BASICS, "iss"], ways: ["documents", "registration"] },
  {
    name: "Claude",
    needs: [...BASICS, "https", "public", "get-401", "offline-access", "fast"],
    ways: ["documents", "registration"]
  },
  { name: "Claude Code", needs: [...BASICS, "offline-access"], ways: ["documents", "registration"] },
  { name: "VS Code", needs: [...BASICS, "suffixed-metadata"], ways: ["documents", "registration"] },
  { name: "Cursor", needs: [...BASICS, "openid-metadata"], ways: ["registration"] },
  { name: "MCP Inspector", needs: [...BASICS, "cors"], ways: ["registration"] },
  { name: "mcp-remote", needs: [...BASICS, "resource-root"], ways: ["registration"] }
]

export interface Verdict {
  readonly client: string
  /** How it will make itself known; undefined when it cannot link itself. */
  readonly by: Way | undefined
  readonly obstacles: ReadonlyArray<Finding>
}

export const judge = (findings: ReadonlyArray<Finding>): ReadonlyArray<Verdict> => {
  const failureOf = (id: Id) => findings.find((finding) => finding.id === id && !finding.ok)
  return CLIENTS.map(({ name, needs, ways }) => {
    const open = ways.find((way) => failureOf(way) === undefined)
    // When every way is closed, one obstacle is enough to tell: the way that every client knows.
    const closed = open === undefined ? [failureOf("registration")] : []
    const obstacles = [...needs.map(failureOf), ...closed].filter((finding) => finding !== undefined)
    return { client: name, by: obstacles.length === 0 ? open : undefined, obstacles }
  })
}
