/** An entry of `mcpServers`, as all clients write it, and with what is said on top of it here. */

import { Duration, Schema, SchemaIssue } from "effect"

const Text = Schema.String.check(Schema.isNonEmpty({ message: "must not be empty" }))
/** In an environment everything is text, and people write numbers there. */
const Plain = Schema.Union([Schema.String, Schema.Number, Schema.Boolean]).annotate({ message: "must be text" })
const Values = Schema.Record(Schema.String, Plain)

/** Of members that only this server knows, and that are therefore misspelt. */
const UNKNOWN = { messageUnexpectedKey: "is not known here" }

const Hints = Schema.Struct({
  readOnly: Schema.optionalKey(Schema.Boolean),
  destructive: Schema.optionalKey(Schema.Boolean),
  idempotent: Schema.optionalKey(Schema.Boolean),
  openWorld: Schema.optionalKey(Schema.Boolean)
}).annotate(UNKNOWN)
const ToolName = Schema.String.check(
  Schema.isPattern(/^[a-zA-Z0-9_-]{1,64}$/, { message: "has at most 64 letters, digits, _ and -" })
)
const ScopeOfTool = Schema.Struct({
  name: Schema.String.check(
    Schema.isPattern(/^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/, {
      message: "has at most 64 characters, and no blank, quote or backslash"
    })
  ),
  sentence: Text
}).annotate(UNKNOWN)
const Rule = Schema.Struct({
  alias: Schema.optionalKey(ToolName),
  scope: Schema.optionalKey(ScopeOfTool),
  hints: Schema.optionalKey(Hints)
}).annotate(UNKNOWN)

/** A number is seconds below 1,000 and milliseconds from there on: clients write both. */
const Time = Schema.Union([Schema.Number, Schema.String]).annotate({
  message: 'must be seconds, or words such as "30 seconds"'
})

const PEOPLE = 'must be "everyone", "owner" or a list of e-mail addresses'

export const Entry = Schema.Struct({
  command: Schema.optionalKey(Text),
  args: Schema.optionalKey(Schema.Array(Plain)),
  env: Schema.optionalKey(Values),
  cwd: Schema.optionalKey(Text),
  url: Schema.optionalKey(Text),
  headers: Schema.optionalKey(Values),
  type: Schema.optionalKey(Schema.String),
  disabled: Schema.optionalKey(Schema.Boolean),
  title: Schema.optionalKey(Text.check(Schema.isMaxLength(80))),
  session: Schema.optionalKey(
    Schema.Literals(["shared", "person", "chat"]).annotate({ message: 'must be "shared", "person" or "chat"' })
  ),
  idle: Schema.optionalKey(Time),
  timeout: Schema.optionalKey(Time),
  tools: Schema.optionalKey(
    Schema.Union([Schema.Array(Text), Schema.Record(Schema.String, Schema.Union([Schema.Boolean, Rule]))]).annotate({
      message: "must be a list of tools, or an object of them"
    })
  ),
  disabledTools: Schema.optionalKey(Schema.Array(Text)),
  people: Schema.optionalKey(
    Schema.Union([
      Schema.Literals(["everyone", "owner"]).annotate({ message: PEOPLE }),
      Schema.NonEmptyArray(Schema.String.check(Schema.isPattern(/.@./, { message: "is no e-mail address" })))
    ]).annotate({ message: PEOPLE })
  ),
  auth: Schema.optionalKey(
    Schema.Literals(["none", "headers", "oauth"]).annotate({ message: 'must be "none", "headers" or "oauth"' })
  ),
  oauth: Schema.optionalKey(
    Schema.Struct({
      clientId: Schema.optionalKey(Text),
      clientSecret: Schema.optionalKey(Text),
      scope: Schema.optionalKey(Text)
    }).annotate(UNKNOWN)
  ),
  keep: Schema.optionalKey(Schema.Boolean)
})
export type Entry = typeof Entry.Type

const OURS = Object.keys(Entry.fields)
/** Other spellings of the same. */
export const SPELLINGS: Readonly<Record<string, string>> = {
  serverUrl: "url",
  httpUrl: "url",
  includeTools: "tools",
  excludeTools: "disabledTools",
  transport: "type",
  transportType: "type"
}
/** What other clients know, and what means nothing here. */
const FOREIGN = new Set([
  "autoApprove",
  "alwaysAllow",
  "description",
  "icon",
  "tags",
  "enabled",
  "name",
  "note",
  "comment",
  "$schema",
  "gallery",
  "version",
  "dev",
  "trust",
  "keep_alive",
  "authentication",
  "sandbox",
  "sandboxEnabled",
  "envFile",
  "registry"
])

/** How many letters two words differ in, looked at as far as two. */
const areNear = (one: string, other: string): boolean => {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()]
  if (a === b) return true
  if (Math.abs(a.length - b.length) > 1 || Math.min(a.length, b.length) < 3) return false
  const at = [...a].findIndex((letter, index) => letter !== b[index])
  if (at < 0) return true
  return (
    a.slice(at + 1) === b.slice(at + 1) ||
    a.slice(at) === b.slice(at + 1) ||
    a.slice(at + 1) === b.slice(at) ||
    (a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2))
  )
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()
/** What nobody else writes has no unknown members: a rule that is misspelt would rule nothing. */
const decode = Schema.decodeUnknownResult(Entry, { errors: "all", onExcessProperty: "error" })

const pathOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined) =>
  (path ?? [])
    .map((step) => String(typeof step === "object" ? step.key : step))
    .map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`))
    .join("")

export interface ReadEntry {
  /** Without the members that are wrong, so that all that is wrong with the others is told in the same breath. */
  readonly entry: Entry | undefined
  /** Each begins with the path within the entry. */
  readonly problems: ReadonlyArray<string>
}

/** One entry, in the spelling of any client. */
export const readEntry = (given: Readonly<Record<string, unknown>>): ReadEntry => {
  const members = new Map<string, unknown>()
  const problems: Array<string> = []
  for (const [name, value] of Object.entries(given)) {
    const ours = SPELLINGS[name] ?? name
    if (OURS.includes(ours)) {
      if (members.has(ours)) problems.push(`.${name}: the same as another member`)
      members.set(ours, value)
    } else if (!FOREIGN.has(name)) {
      const near = OURS.find((one) => areNear(one, name))
      if (near !== undefined) problems.push(`.${name}: did you mean ${near}?`)
    }
  }
  if (given.enabled === false) members.set("disabled", true)
  const read = decode(Object.fromEntries(members))
  if (read._tag === "Success") return { entry: read.success, problems }
  const { issues } = format(read.failure.issue)
  problems.push(...new Set(issues.map(({ path, message }) => `${pathOf(path)}: ${message}`)))
  const wrong = new Set(issues.map(({ path }) => pathOf(path?.slice(0, 1)).slice(1)))
  // Which of the two it is cannot be told without these.
  if (["command", "url", "type"].some((name) => wrong.has(name))) return { entry: undefined, problems }
  const rest = decode(Object.fromEntries([...members].filter(([name]) => !wrong.has(name))))
  return { entry: rest._tag === "Success" ? rest.success : undefined, problems }
}

/** A time as people write it; nothing for what is none. */
export const durationOf = (time: number | string): Duration.Duration | undefined => {
  if (typeof time === "number") {
    if (!(time > 0) || !Number.isFinite(time)) return undefined
    return time < 1000 ? Duration.seconds(time) : Duration.millis(time)
  }
  // Whatever is no time in words is nothing.
  const read = Duration.fromInput(time as Duration.Input)
  return read._tag === "Some" && Duration.toMillis(read.value) > 0 ? read.value : undefined
}
