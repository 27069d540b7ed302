/** What is offered beside this server's own: what mounts have, as it was approved, to whom each of them is open. */

import { Effect } from "effect"
import { offeringOf } from "../../toolsets/offering.ts"
import type { Offering } from "../../toolsets/Toolset.ts"
import type { Caller, Person } from "../../toolsets/tool.ts"
import { mayUse } from "../access.ts"
import type { Mount } from "../mount.ts"
import { namesOf } from "./names.ts"
import { type Offers, relaysOf } from "./relays.ts"
import type { Requests } from "./requests.ts"
import { scopeOf, type ToolDefinition, toolOf } from "./tools.ts"

/** What of a mount is approved, by the names that it has there. */
export interface Approved {
  readonly tools: ReadonlyArray<ToolDefinition>
  readonly prompts: ReadonlyArray<{ readonly name: string }>
  readonly resources: ReadonlyArray<{ readonly uri: string; readonly name: string }>
  readonly templates: ReadonlyArray<{ readonly uriTemplate: string; readonly name: string }>
  /** What it says for a model to follow. */
  readonly instructions: string | undefined
}

export interface Mounted {
  readonly mount: Mount
  readonly approved: Approved
}

const APP_TYPE = "text/html;profile=mcp-app"

const cardOf = ({ ui }: ToolDefinition) => (typeof ui?.resourceUri === "string" ? ui.resourceUri : undefined)

/** This server's own, and what these mounts have: a name or an address is that of the first who has it. */
const together = (requests: Requests, base: Offering, mounted: ReadonlyArray<Mounted>): Offering => {
  const wanted = mounted.flatMap(({ mount, approved }) =>
    approved.tools
      .filter(({ name }) => (mount.tools?.has(name) ?? true) && !mount.except?.includes(name))
      .map((definition) => ({
        server: mount.name,
        name: definition.name,
        alias: mount.tools?.get(definition.name)?.alias,
        mount,
        definition
      }))
  )
  const prompts = mounted.flatMap(({ mount, approved }) =>
    approved.prompts.map((listing) => ({ server: mount.name, name: listing.name, alias: undefined, mount, listing }))
  )
  const { parts } = base
  const taken = new Set((parts.prompts ?? []).map(({ name }) => name))
  const uris = new Set([
    ...(parts.resources ?? []).map(({ uri }) => uri),
    ...parts.tools.flatMap(({ app }) => (app === undefined ? [] : [app.uri]))
  ])
  const listed = mounted.flatMap(({ mount, approved }) => approved.resources.map((listing) => ({ mount, listing })))
  // A card need not be listed there; here nothing is read that is not.
  const cards = wanted.flatMap(({ mount, definition }) => {
    const uri = cardOf(definition)
    return uri === undefined ? [] : [{ mount, listing: { uri, name: definition.title, mimeType: APP_TYPE } }]
  })
  const offers: Offers = {
    prompts: namesOf(prompts, taken).named.map(({ name, of: { mount, listing } }) => ({
      mount,
      listing: { ...listing, name },
      nameThere: listing.name
    })),
    resources: [...listed, ...cards].filter(({ listing: { uri } }) => !uris.has(uri)),
    templates: mounted.flatMap(({ mount, approved }) => approved.templates.map((listing) => ({ mount, listing })))
  }
  const owners = new Map<string, Mount>()
  for (const { mount, listing } of offers.resources) if (!owners.has(listing.uri)) owners.set(listing.uri, mount)

  const tools = namesOf(
    wanted,
    base.tools.map(({ name }) => name)
  ).named.map(({ name, of: { mount, definition } }) => {
    const uri = cardOf(definition)
    // The card of another server is no place for this one's results.
    if (uri === undefined || owners.get(uri) === mount) return toolOf(requests, mount, name, definition)
    const { ui: _, ...plain } = definition
    return toolOf(requests, mount, name, plain)
  })
  const offering = offeringOf({
    ...parts,
    tools: [...base.tools, ...tools],
    relays: relaysOf(requests, offers),
    said: mounted.flatMap(({ mount, approved: { instructions } }) =>
      instructions === undefined ? [] : [`${mount.title}: ${instructions}`]
    )
  })
  // What it offers is known when the first person has signed in there, and apps ask for what they may before.
  const awaited = mounted.filter(({ mount }) => mount.auth === "oauth").map(({ mount }) => scopeOf(mount))
  return { ...offering, scopes: [...offering.scopes, ...awaited] }
}

/** What is offered: to everybody the same text, unless a mount is open to some people alone. */
export const offeringWith = (requests: Requests, base: Offering, mounted: ReadonlyArray<Mounted>): Offering => {
  if (mounted.length === 0) return base
  const all = together(requests, base, mounted)
  const closed = mounted.filter(({ mount }) => mount.people !== "everyone")
  if (closed.length === 0) return all
  // One for each set of rights, whoever has them.
  const known = new Map<string, Offering>()
  const ofPerson = (person: Person): Offering => {
    const open = closed.map(({ mount }) => mayUse(mount, person))
    const rights = open.map(Number).join("")
    const before = known.get(rights)
    if (before !== undefined) return before
    const barred = new Set(closed.filter((_, index) => open[index] !== true))
    const own = together(
      requests,
      base,
      mounted.filter((one) => !barred.has(one))
    )
    known.set(rights, own)
    return own
  }
  return { ...all, of: (caller: Caller) => Effect.map(caller.person, ofPerson) }
}
