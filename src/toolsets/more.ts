/** What is offered beside tools: cards (MCP Apps, SEP-1865) and documents as resources, prompts, and completion of both. */

import {
  type CompleteResult,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  UriTemplate
} from "@modelcontextprotocol/server"
import { Effect, Exit, Record, Result } from "effect"
import { ToolFailure } from "./failure.ts"
import { onePage } from "./onePage.ts"
import type { Prompt, Suggestions } from "./prompt.ts"
import { mayBeOf, type Relay, type Relayed, type Relays } from "./relay.ts"
import { isTemplate, type Resource } from "./resource.ts"
import type { More, Serving } from "./Toolset.ts"
import type { App, Caller } from "./tool.ts"

const APP_TYPE = "text/html;profile=mcp-app"
/** MCP, "Completion": "Maximum 100 items per response". */
const MAX_SUGGESTIONS = 100
/** Of one person, so nobody keeps it for others. */
const OWN = { ttlMs: 0, cacheScope: "private" } as const
/** As long as a tool has unless it says otherwise. */
const TIME = "55 seconds"
const tooLong = new ToolFailure("This took too long and was stopped.")

const invalid = (message: string) => new ProtocolError(ProtocolErrorCode.InvalidParams, message)

const described = ({ title, description, mimeType }: Pick<Resource, "title" | "description" | "mimeType">) => ({
  ...(title && { title }),
  ...(description && { description }),
  ...(mimeType && { mimeType })
})

const contextOf = ({ clientId, scopes }: Caller, person: Effect.Success<Caller["person"]>) => ({
  person,
  client: { id: clientId },
  scopes
})

/** What somebody else's code makes of a request: words of its own are told, whatever else it throws is for the log. */
const asked = <A>(
  { run, callerOf }: Serving,
  what: string,
  request: ServerContext,
  make: (context: ReturnType<typeof contextOf>) => A | Promise<A>
): Promise<A> => {
  const caller = callerOf(request)
  const made = Effect.flatMap(caller.person, (person) =>
    Effect.tryPromise({
      try: async () => make(contextOf(caller, person)),
      catch: (reason) => (reason instanceof ToolFailure ? reason : new Broken(reason))
    }).pipe(Effect.timeoutOrElse({ duration: TIME, orElse: () => Effect.fail(tooLong) }))
  )
  const told = Effect.tapError(made, (error) =>
    error instanceof Broken
      ? Effect.annotateLogs(Effect.logError("a prompt or a resource ended in a defect", error.reason), { name: what })
      : Effect.void
  )
  return run(request, told).then(orThrown)
}

/** As the SDK's handlers say it. */
const orThrown = <A>(exit: Exit.Exit<A, unknown>): A => {
  if (Exit.isSuccess(exit)) return exit.value
  const [reason] = exit.cause.reasons
  const error = reason?._tag === "Fail" ? reason.error : undefined
  if (error instanceof ToolFailure) throw invalid(error.message)
  throw new ProtocolError(ProtocolErrorCode.InternalError, "Internal error")
}

/** What another server answers. Its members were cleaned where it was asked; the SDK judges their shape once more. */
const relayed = <A>({ run, callerOf }: Serving, request: ServerContext, relay: Relay, params: object): Promise<A> =>
  run(request, relay.answer({ ...params }, callerOf(request))).then((exit) => orThrown(exit) as A)

const listingsOf = <Listing extends object>(relays: Relays<Listing>) =>
  Array.from(relays.values(), ({ listing }) => listing)

class Broken {
  readonly _tag = "Broken"
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}

const textOf = (value: unknown) => (typeof value === "string" ? value : "")
const texts = (values: object): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : String(value)])
  )

/** As it was before a client put it into a URI (RFC 6570 §3.2.1). */
const unescaped = (variable: string) =>
  Result.getOrElse(
    Result.try(() => decodeURIComponent(variable)),
    () => variable
  )

// --- resources ----------------------------------------------------------------------------------------------------

const servingResources = (server: McpServer, serving: Serving, { apps, resources, relays }: Offered) => {
  const fixed = resources.filter((resource) => !isTemplate(resource))
  const templates = resources
    .filter(isTemplate)
    .map((resource) => ({ resource, template: new UriTemplate(resource.uri) }))
  const listed = [
    ...apps.map(({ uri, title }) => ({ uri, name: title, title, mimeType: APP_TYPE })),
    ...fixed.map((resource) => ({ uri: resource.uri, name: resource.name, ...described(resource) })),
    ...listingsOf(relays.resources)
  ]
  const resourceTemplates = [
    ...templates.map(({ resource }) => ({ uriTemplate: resource.uri, name: resource.name, ...described(resource) })),
    ...listingsOf(relays.templates)
  ]
  const relayOf = (uri: string) =>
    relays.resources.get(uri) ?? Array.from(relays.templates).find(([template]) => mayBeOf(template, uri))?.[1]
  server.server.setRequestHandler("resources/list", async (message, request) => {
    const page = onePage({ resources: listed })(message)
    const own = await Promise.all(
      templates.map(({ resource: { name, list } }) => asked(serving, name, request, () => list?.() ?? []))
    )
    return { resources: [...page.resources, ...own.flat().map((one) => ({ ...one }))] }
  })
  server.server.setRequestHandler("resources/templates/list", onePage({ resourceTemplates }))

  const found = (uri: string) => {
    const resource = fixed.find((one) => one.uri === uri)
    if (resource !== undefined) return { resource, variables: {} }
    for (const { resource, template } of templates) {
      const variables = template.match(uri)
      if (variables !== null) return { resource, variables: Record.map(texts(variables), unescaped) }
    }
    return undefined
  }
  server.server.setRequestHandler("resources/read", async ({ params: { uri } }, request) => {
    const app = apps.find((one) => one.uri === uri)
    if (app !== undefined) {
      const ui = { prefersBorder: true, csp: app.csp }
      return { contents: [{ uri, mimeType: APP_TYPE, text: app.html, _meta: { ui } }] }
    }
    const { resource, variables } = found(uri) ?? {}
    const relay = resource === undefined ? relayOf(uri) : undefined
    if (relay !== undefined) return relayed(serving, request, relay, { uri })
    const content =
      resource && (await asked(serving, resource.name, request, (context) => resource.read(variables ?? {}, context)))
    if (resource === undefined || content === undefined) throw invalid(`Resource ${uri} not found`)
    const { mimeType = typeof content === "string" ? "text/plain" : "application/octet-stream" } = resource
    const body =
      typeof content === "string" ? { text: content.toWellFormed() } : { blob: Buffer.from(content).toString("base64") }
    return { contents: [{ uri, mimeType, ...body }], ...OWN }
  })
}

// --- prompts ------------------------------------------------------------------------------------------------------

const servingPrompts = (server: McpServer, serving: Serving, { prompts, relays }: Offered) => {
  const own = prompts.map(({ name, title, description, arguments: taken = {} }) => ({
    name,
    title,
    description,
    arguments: Object.entries(taken).map(([name, { title, description, required = true }]) => ({
      name,
      required,
      ...(title && { title }),
      ...(description && { description })
    }))
  }))
  server.server.setRequestHandler("prompts/list", onePage({ prompts: [...own, ...listingsOf(relays.prompts)] }))
  server.server.setRequestHandler("prompts/get", async ({ params: { name, arguments: given = {} } }, request) => {
    const prompt = prompts.find((one) => one.name === name)
    const relay = prompt === undefined ? relays.prompts.get(name) : undefined
    if (relay !== undefined) return relayed(serving, request, relay, { name, arguments: given })
    if (prompt === undefined) throw invalid(`Prompt ${name} not found`)
    const missing = Object.entries(prompt.arguments ?? {}).find(
      ([name, { required = true }]) => required && given[name] === undefined
    )
    if (missing !== undefined) throw invalid(`Invalid params: ${JSON.stringify(missing[0])} is required`)
    const said = await asked(serving, name, request, (context) => prompt.run(given, context))
    const messages =
      typeof said === "string"
        ? [{ role: "user" as const, content: { type: "text" as const, text: said.toWellFormed() } }]
        : [...said]
    return { description: prompt.description, messages }
  })
}

// --- completion ---------------------------------------------------------------------------------------------------

/** Of a record, and not of what every object has. */
const ofName = <A>(record: Readonly<Record<string, A>> | undefined, name: string): A | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined

const servingCompletion = (server: McpServer, serving: Serving, { prompts, resources, relays }: Offered) =>
  server.server.setRequestHandler("completion/complete", async ({ params }, request) => {
    const { ref, argument, context } = params
    const others = texts(context?.arguments ?? {})
    const prompt = ref.type === "ref/prompt" ? prompts.find(({ name }) => name === ref.name) : undefined
    const resource = ref.type === "ref/resource" ? resources.find(({ uri }) => uri === ref.uri) : undefined
    if (prompt === undefined && resource === undefined) {
      const answer = relays.complete({ ...params }, serving.callerOf(request))
      if (answer !== undefined) return serving.run(request, answer).then(orThrown) as Promise<CompleteResult>
      throw invalid(`${ref.type === "ref/prompt" ? `Prompt ${ref.name}` : `Resource ${ref.uri}`} not found`)
    }
    const suggest = ofName(prompt?.arguments, argument.name)?.complete ?? ofName(resource?.complete, argument.name)
    const suggestions =
      suggest === undefined
        ? []
        : await asked(serving, argument.name, request, (): Suggestions => suggest(textOf(argument.value), others))
    const values = suggestions.slice(0, MAX_SUGGESTIONS)
    return { completion: { values, total: suggestions.length, hasMore: suggestions.length > values.length } }
  })

interface Offered {
  readonly apps: ReadonlyArray<App>
  readonly prompts: ReadonlyArray<Prompt>
  readonly resources: ReadonlyArray<Resource>
  readonly relays: Relayed
}

/** Beside the tools: what their cards are, and what else there is. */
export const moreOf = (offered: Offered): More => {
  const { prompts, resources, relays } = offered
  const hasPrompts = prompts.length + relays.prompts.size > 0
  const completes =
    relays.prompts.size + relays.templates.size > 0 ||
    prompts.some((prompt) => Object.values(prompt.arguments ?? {}).some(({ complete }) => complete !== undefined)) ||
    resources.some(({ complete }) => complete !== undefined)
  return {
    capabilities: {
      resources: { listChanged: false },
      ...(hasPrompts && { prompts: { listChanged: false } }),
      ...(completes && { completions: {} })
    },
    listings: [],
    register: (server, serving) => {
      servingResources(server, serving, offered)
      if (hasPrompts) servingPrompts(server, serving, offered)
      if (completes) servingCompletion(server, serving, offered)
    }
  }
}
