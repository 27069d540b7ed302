/** The mounts that a file describes, or all that is wrong with it. */

import { createHash } from "node:crypto"
import { resolve } from "node:path"
import { Duration, Redacted } from "effect"
import { isRecord } from "../../toolsets/jsonSchema.ts"
import { DIRECTORY, type Http, type Mount, type Stdio, type ToolRule } from "../mount.ts"
import { problemOfAddress, problemOfHeader } from "./address.ts"
import { durationOf, type Entry, readEntry } from "./entry.ts"
import { readJson } from "./json.ts"
import { expanded, type Variables } from "./variables.ts"

export interface ReadMounts {
  readonly mounts: ReadonlyArray<Mount>
  /** Each begins with the path of what it is about. */
  readonly problems: ReadonlyArray<string>
}

const IDLE = Duration.minutes(10)
/** ChatGPT gives a call up after a minute. */
const TIMEOUT = Duration.seconds(55)
const LONGEST_TITLE = 80
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,15}$/

/** A name that tools' names can begin with: what is long or odd in other clients' files gets a readable one. */
export const mountName = (given: string): string => {
  if (NAME.test(given)) return given
  const digest = createHash("sha256").update(given).digest("hex").slice(0, 4)
  const plain = given
    .toLowerCase()
    .replace(/^@[^/]+\//, "")
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 11)
    .replace(/^-+|-+$/g, "")
  return plain === "" ? `server-${digest}` : `${plain}-${digest}`
}

const TRANSPORTS: Readonly<Record<string, "Stdio" | "Http">> = {
  stdio: "Stdio",
  http: "Http",
  "streamable-http": "Http",
  streamablehttp: "Http",
  streamable_http: "Http"
}

/** Everything of one entry, with what is wrong with it. */
class Reading {
  readonly problems: Array<string> = []
  readonly #path: string
  readonly #variables: Variables
  constructor(path: string, variables: Variables) {
    this.#path = path
    this.#variables = variables
  }
  wrong(at: string, problem: string) {
    this.problems.push(`${this.#path}${at}: ${problem}`)
  }
  text(at: string, text: string | number | boolean): string {
    const { text: whole, problems } = expanded(String(text), this.#variables)
    for (const problem of problems) this.wrong(at, problem)
    if (whole.includes("\0")) this.wrong(at, "holds a character that no program can be told")
    return whole
  }
  secrets(at: string, values: Readonly<Record<string, string | number | boolean>> = {}) {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, Redacted.make(this.text(`${at}.${name}`, value))])
    )
  }
  duration(at: string, time: number | string | undefined, otherwise: Duration.Duration) {
    if (time === undefined) return otherwise
    const duration = durationOf(time)
    if (duration === undefined) this.wrong(at, 'is no time: write seconds, or words such as "30 seconds"')
    return duration ?? otherwise
  }
}

const envOf = (reading: Reading, { env = {} }: Entry) => {
  for (const name of Object.keys(env)) {
    if (!/^[^=\0]+$/.test(name)) reading.wrong(`.env.${name}`, "is no name of a variable")
  }
  return reading.secrets(".env", env)
}

const stdioOf = (reading: Reading, entry: Entry & { readonly command: string }, folder: string): Stdio => {
  // Where the file is, since a child works in a folder of its own.
  const near = (text: string) => (/^\.\.?\//.test(text) ? resolve(folder, text) : text)
  const { cwd } = entry
  if (entry.headers !== undefined) reading.wrong(".headers", "only a server with a url has headers")
  const at = cwd === undefined ? undefined : reading.text(".cwd", cwd)
  return {
    _tag: "Stdio",
    command: near(reading.text(".command", entry.command)),
    args: (entry.args ?? []).map((arg, index) => near(reading.text(`.args[${index}]`, arg))),
    env: envOf(reading, entry),
    cwd: at === undefined || at.startsWith(DIRECTORY) ? at : resolve(folder, at)
  }
}

const httpOf = (reading: Reading, entry: Entry & { readonly url: string }): Http => {
  const before = reading.problems.length
  const url = reading.text(".url", entry.url)
  const problem = problemOfAddress(url)
  // A variable that is not set makes no address, and was told.
  if (problem !== undefined && reading.problems.length === before) reading.wrong(".url", problem)
  for (const name of ["args", "env", "cwd"] as const) {
    if (entry[name] !== undefined) reading.wrong(`.${name}`, "only a server with a command has it")
  }
  const headers = reading.secrets(".headers", entry.headers)
  for (const [name, value] of Object.entries(headers)) {
    const wrong = problemOfHeader(name, Redacted.value(value))
    if (wrong !== undefined) reading.wrong(`.headers.${name}`, wrong)
  }
  // Whoever writes the file may name any host.
  return { _tag: "Http", url: URL.parse(url)?.href ?? url, headers, mayBePrivate: true }
}

const transportOf = (reading: Reading, entry: Entry, folder: string): Stdio | Http | undefined => {
  const { command, url, type } = entry
  const said = type === undefined ? undefined : TRANSPORTS[type.toLowerCase()]
  if (type !== undefined && said === undefined) {
    const words =
      type === "sse"
        ? "the older SSE transport is not spoken: most such servers have /mcp too"
        : "is none that there is"
    reading.wrong(".type", `${JSON.stringify(type)} ${words}; write stdio or http`)
  }
  if (command !== undefined && url !== undefined) reading.wrong("", "has a command and a url: it can be but one")
  else if (command !== undefined && said !== "Http") return stdioOf(reading, { ...entry, command }, folder)
  else if (url !== undefined && said !== "Stdio") return httpOf(reading, { ...entry, url })
  else
    reading.wrong(
      "",
      said === "Http" ? "has no url" : said === "Stdio" ? "has no command" : "has neither a command nor a url"
    )
  return undefined
}

/** An object of tools, told from a list of them, which `Array.isArray` does not do where it may not be changed. */
type Rules = Readonly<Record<string, ToolRule | boolean>>

const toolsOf = ({ tools, disabledTools = [] }: Entry): Pick<Mount, "tools" | "except"> => {
  const rules = Object.entries(tools === undefined || Array.isArray(tools) ? {} : (tools as Rules))
  const except = [...disabledTools, ...rules.flatMap(([name, rule]) => (rule === false ? [name] : []))]
  const offered = Array.isArray(tools)
    ? tools.map((name: string) => [name, {}] as const)
    : rules.flatMap(([name, rule]) => (rule === false ? [] : [[name, rule === true ? {} : rule] as const]))
  return {
    // Where all that is said is what is not offered, all the rest is.
    tools: tools === undefined || (rules.length > 0 && offered.length === 0) ? undefined : new Map(offered),
    ...(except.length > 0 && { except })
  }
}

/** What JSON says of nothing: secrets say that they are, and maps that they are empty. */
const opened = (value: unknown): unknown => {
  if (Redacted.isRedacted(value)) return Redacted.value(value)
  if (value instanceof Map) return [...value].map(opened)
  if (Array.isArray(value)) return value.map(opened)
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, opened(member)]))
    : value
}

const fingerprintOf = (mount: Omit<Mount, "fingerprint">) =>
  createHash("sha256")
    .update(JSON.stringify(opened(mount)))
    .digest("base64url")

const mountOf = (given: string, entry: Entry, reading: Reading, folder: string): Mount | undefined => {
  const transport = transportOf(reading, entry, folder)
  const isStdio = transport?._tag === "Stdio"
  const { clientId, clientSecret, scope } = entry.oauth ?? {}
  const auth = entry.auth ?? (entry.oauth !== undefined ? "oauth" : entry.headers !== undefined ? "headers" : "none")
  if (isStdio && auth === "oauth") reading.wrong(".auth", "people sign in only at a server with a url")
  if (auth === "headers" && entry.headers === undefined) reading.wrong(".auth", "has no headers")
  if (auth === "oauth" && Object.keys(entry.headers ?? {}).some((name) => name.toLowerCase() === "authorization")) {
    reading.wrong(".headers.Authorization", "is each person's own where people sign in")
  }
  if (auth === "oauth" && entry.session === "shared")
    reading.wrong(".session", "is each person's own where people sign in")
  const idle = reading.duration(".idle", entry.idle, IDLE)
  const timeout = reading.duration(".timeout", entry.timeout, TIMEOUT)
  const signIn = {
    ...(clientId !== undefined && { clientId: reading.text(".oauth.clientId", clientId) }),
    ...(clientSecret !== undefined && {
      clientSecret: Redacted.make(reading.text(".oauth.clientSecret", clientSecret))
    }),
    ...(scope !== undefined && { scope })
  }
  if (transport === undefined || reading.problems.length > 0) return undefined
  const mount: Omit<Mount, "fingerprint"> = {
    name: mountName(given),
    title: entry.title ?? given.slice(0, LONGEST_TITLE),
    origin: "file",
    transport,
    session: entry.session ?? (isStdio || auth === "oauth" ? "person" : "shared"),
    auth,
    signIn,
    idle,
    timeout,
    keep: entry.keep ?? false,
    ...toolsOf(entry),
    people: entry.people ?? "everyone",
    disabled: entry.disabled ?? false
  }
  return { ...mount, fingerprint: fingerprintOf(mount) }
}

/** Reads a whole file; `folder` is where it is. All problems are told at once. */
export const readMounts = (text: string, folder: string, variables: Variables): ReadMounts => {
  const { value, problems } = readJson(text)
  if (problems.length > 0) return { mounts: [], problems }
  const servers = isRecord(value) ? value.mcpServers : undefined
  if (!isRecord(value) || (servers !== undefined && !isRecord(servers))) {
    return { mounts: [], problems: ['mcpServers: must be an object of servers, as in {"mcpServers": {…}}'] }
  }
  if (servers === undefined) {
    const words =
      "servers" in value ? 'is not there; VS Code\'s "servers" can be imported: npm run add < mcp.json' : "is not there"
    return { mounts: [], problems: [`mcpServers: ${words}`] }
  }
  const all: Array<string> = []
  const mounts: Array<Mount> = []
  for (const [name, given] of Object.entries(servers)) {
    const path = `mcpServers.${name}`
    if (!isRecord(given)) {
      all.push(`${path}: must be an object`)
      continue
    }
    const { entry, problems } = readEntry(given)
    all.push(...problems.map((problem) => `${path}${problem}`))
    if (entry === undefined) continue
    const reading = new Reading(path, variables)
    // What is switched off may lack what it needs.
    const mount = mountOf(name, entry, reading, folder)
    if (entry.disabled !== true) all.push(...reading.problems)
    if (mount !== undefined) mounts.push(mount)
  }
  return { mounts, problems: all }
}
