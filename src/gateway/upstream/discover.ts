/** All that a mount offers, page by page: read as it comes, since one odd entry must not spoil the others, and up to a size. */

import { Effect, Result } from "effect"
import type { Connection } from "./connect.ts"
import type { Discovered } from "./contract.ts"

const MAX_PAGES = 100
const MAX_ITEMS = 2000
const MAX_CHARACTERS = 8 * 1024 * 1024
const METHOD_NOT_FOUND = -32601

type Send<E> = (method: string, params: Readonly<Record<string, unknown>>) => Effect.Effect<Record<string, unknown>, E>

/** What is left of it for all the lists together. */
interface Budget {
  pages: number
  items: number
  characters: number
}

const isUp = (budget: Budget) => budget.pages <= 0 || budget.items <= 0 || budget.characters <= 0

const page = (result: Record<string, unknown>, field: string, budget: Budget): ReadonlyArray<unknown> => {
  const listed = result[field]
  const items: Array<unknown> = []
  for (const item of Array.isArray(listed) ? listed : []) {
    budget.items--
    // What is nested deeper than can be written down is nobody's schema, and spoils nothing else.
    const text = Result.getOrUndefined(Result.try(() => JSON.stringify(item)))
    if (text === undefined) continue
    budget.characters -= text.length
    if (budget.items < 0 || budget.characters < 0) break
    items.push(item)
  }
  return items
}

const list = <E extends { readonly _tag: string }>(send: Send<E>, method: string, field: string, budget: Budget) => {
  const from = (cursor: string | undefined, before: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<unknown>, E> =>
    Effect.flatMap(send(method, cursor === undefined ? {} : { cursor }), (result) => {
      budget.pages--
      const items = [...before, ...page(result, field, budget)]
      const next = result.nextCursor
      return typeof next !== "string" || next === cursor || isUp(budget) ? Effect.succeed(items) : from(next, items)
    })
  return from(undefined, []).pipe(
    // Many name a capability and have not all of its lists.
    Effect.catchIf(
      (error) => error._tag === "UpstreamRefused" && "code" in error && error.code === METHOD_NOT_FOUND,
      () => Effect.succeed<ReadonlyArray<unknown>>([])
    )
  )
}

export const discover = <E extends { readonly _tag: string }>(
  { client }: Connection,
  send: Send<E>
): Effect.Effect<Discovered, E> =>
  Effect.gen(function* () {
    const budget: Budget = { pages: MAX_PAGES, items: MAX_ITEMS, characters: MAX_CHARACTERS }
    const capabilities = client.getServerCapabilities() ?? {}
    const none = Effect.succeed<ReadonlyArray<unknown>>([])
    // One after the other, since they share what is left.
    const tools = yield* capabilities.tools ? list(send, "tools/list", "tools", budget) : none
    const prompts = yield* capabilities.prompts ? list(send, "prompts/list", "prompts", budget) : none
    const resources = yield* capabilities.resources ? list(send, "resources/list", "resources", budget) : none
    const resourceTemplates = yield* capabilities.resources
      ? list(send, "resources/templates/list", "resourceTemplates", budget)
      : none
    const { name = "", version = "", title } = client.getServerVersion() ?? {}
    return {
      serverInfo: { name, version, ...(title !== undefined && { title }) },
      protocolVersion: client.getNegotiatedProtocolVersion() ?? "",
      instructions: client.getInstructions(),
      capabilities,
      tools,
      prompts,
      resources,
      resourceTemplates
    }
  })
