/**
 * Servers out of other clients' files: Claude Desktop's and Cursor's `mcpServers`, VS Code's `servers` with its `inputs` (also
 * within its settings), Windsurf's `serverUrl`, Gemini's `httpUrl`, Zed's `context_servers`, and the bare snippets of READMEs.
 */

import { isRecord } from "../../toolsets/jsonSchema.ts"
import { SPELLINGS } from "./entry.ts"
import { readJson } from "./json.ts"
import { mountName } from "./mounts.ts"
import { variableName } from "./secrets.ts"

type Members = Readonly<Record<string, unknown>>

export interface Imported {
  /** As they are written into our file, by the names that they get there. */
  readonly entries: ReadonlyMap<string, Members>
  /** What the owner should know of them. */
  readonly notes: ReadonlyArray<string>
  /** Variables that the other client asked for, with its words for them. */
  readonly needs: ReadonlyArray<{ readonly name: string; readonly where: string }>
  readonly problems: ReadonlyArray<string>
}

const isEntry = (value: unknown) =>
  isRecord(value) && ["command", "url", "serverUrl", "httpUrl"].some((name) => name in value)

/** Where clients keep their servers, the likeliest place first. */
const serversOf = (file: Members): { readonly servers: Members; readonly inputs: unknown } | undefined => {
  const nested = isRecord(file.mcp) ? file.mcp : {}
  const places = [file.mcpServers, file.servers, nested.servers, nested.mcpServers, file.context_servers]
  const servers = places.find(isRecord)
  if (servers !== undefined) return { servers, inputs: file.inputs ?? nested.inputs }
  const members = Object.values(file)
  return members.length > 0 && members.every(isEntry) ? { servers: file, inputs: undefined } : undefined
}

/** What means something elsewhere, and would be missed by whoever relies on it. */
const MISSED: Readonly<Record<string, string>> = {
  autoApprove: "no call is approved in advance here: apps ask their person",
  alwaysAllow: "no call is approved in advance here: apps ask their person",
  trust: "no call is approved in advance here: apps ask their person",
  envFile: "its variables have to stand in this server's .env",
  sandbox: "there is no sandbox here",
  sandboxEnabled: "there is no sandbox here"
}
/** What is taken over as it is: all that is read here. */
const KEPT = new Set([
  ...[
    "command",
    "args",
    "env",
    "cwd",
    "url",
    "headers",
    "disabled",
    "title",
    "description",
    "session",
    "idle",
    "timeout"
  ],
  ...["tools", "disabledTools", "people", "auth", "oauth", "keep"]
])

/** VS Code's own variables that have a counterpart; a path that begins with a dot is looked for beside our file. */
const COUNTERPARTS: ReadonlyArray<readonly [RegExp, string]> = [
  [/^\$\{(workspaceFolder|workspaceRoot|cwd)(:[^}]*)?\}/, "."],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in these files
  [/\$\{userHome\}/g, "${HOME}"],
  [/\$\{(pathSeparator|\/)\}/g, "/"]
]

/** Every text below a value. */
const eachText = (value: unknown, change: (text: string) => string): unknown => {
  if (typeof value === "string") return change(value)
  if (Array.isArray(value)) return value.map((item) => eachText(item, change))
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, eachText(member, change)]))
    : value
}

/** One entry in our spelling. */
const entryOf = (name: string, given: Members, notes: Array<string>): Members => {
  const entry: Record<string, unknown> = {}
  for (const [member, value] of Object.entries(given)) {
    const ours = SPELLINGS[member] ?? member
    if (MISSED[member] !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)) {
      notes.push(`${name}: ${member} was left out: ${MISSED[member]}`)
    }
    if (KEPT.has(ours)) entry[ours] = value
    // Which of the two it is can be seen; what is spoken no more has to be told.
    if (ours === "type" && value === "sse") entry.type = value
  }
  // Zed once wrote the arguments into the command.
  if (isRecord(given.command)) {
    const { path, args, env } = given.command
    Object.assign(entry, { command: path, ...(args !== undefined && { args }), ...(env !== undefined && { env }) })
  }
  if (given.enabled === false) entry.disabled = true
  if (isRecord(entry.oauth)) {
    const { clientId, clientSecret, scope } = entry.oauth
    entry.oauth = Object.fromEntries(
      Object.entries({ clientId, clientSecret, scope }).filter(([, value]) => typeof value === "string")
    )
  }
  return entry
}

/** Reads a file of any of these clients; `isOurs` tells variables that are this server's own, and that get another name. */
export const importServers = (text: string, isOurs: (name: string) => boolean): Imported => {
  const nothing = { entries: new Map(), notes: [], needs: [] }
  const { value, problems } = readJson(text)
  if (problems.length > 0) return { ...nothing, problems }
  const found = isRecord(value) ? serversOf(value) : undefined
  if (found === undefined) {
    return { ...nothing, problems: ["there are no servers in it: neither mcpServers nor servers"] }
  }
  const notes: Array<string> = []
  const wrong: Array<string> = []
  const needs = new Map<string, string>()
  const asked = new Map(
    (Array.isArray(found.inputs) ? found.inputs : []).flatMap((input) =>
      isRecord(input) && typeof input.id === "string"
        ? [[input.id, typeof input.description === "string" ? input.description : ""] as const]
        : []
    )
  )
  /** This server's own variables are not handed on, so whatever is read by such a name needs another one. */
  const nameOf = (name: string, where: string) => {
    if (!isOurs(name)) return name
    const other = variableName("MCP", name)
    notes.push(`${where}: ${name} is this server's own variable, so this one is called ${other}`)
    needs.set(other, needs.get(other) ?? "")
    return other
  }
  const rewritten = (name: string) => (text: string) =>
    COUNTERPARTS.reduce((so, [from, to]) => so.replace(from, to), text)
      .replace(/\$\{input:([^}]+)\}/g, (_, id: string) => {
        const variable = nameOf(variableName(id), name)
        needs.set(variable, asked.get(id) ?? "")
        return `\${${variable}}`
      })
      .replace(/(\$?)\$\{(?:env:)?([A-Za-z_]\w*)(:-[^}]*)?\}/g, (whole, escaped, variable: string, otherwise = "") =>
        escaped === "" ? `\${${nameOf(variable, name)}${otherwise}}` : whole
      )

  const entries = new Map<string, Members>()
  for (const [given, server] of Object.entries(found.servers)) {
    if (!isRecord(server)) {
      wrong.push(`${given}: must be an object`)
      continue
    }
    const name = mountName(given)
    const entry = eachText(entryOf(given, server, notes), rewritten(given))
    entries.set(name, { ...(name !== given && { title: given.slice(0, 80) }), ...(isRecord(entry) ? entry : {}) })
  }
  if (entries.size === 0 && wrong.length === 0) wrong.push("there are no servers in it")
  return {
    entries,
    notes: [...new Set(notes)],
    needs: Array.from(needs, ([name, where]) => ({ name, where })),
    problems: wrong
  }
}
