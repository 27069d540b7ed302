/** Prompts, resources and templates of mounts, and suggestions for their arguments, as this server lists and answers them. */

import { Effect } from "effect"
import { TOOLS_CALL } from "../../oauth/scope.ts"
import * as Bearer from "../../oauth/tokens/bearer.ts"
import { ToolFailure } from "../../toolsets/failure.ts"
import { isRecord } from "../../toolsets/jsonSchema.ts"
import type { Relay, Relayed } from "../../toolsets/relay.ts"
import type { Caller } from "../../toolsets/tool.ts"
import type { Mount } from "../mount.ts"
import type { Requests } from "./requests.ts"
import { completionResult, promptResult, resourceResult } from "./result.ts"
import { scopeOf } from "./tools.ts"

type Members = Readonly<Record<string, unknown>>

/** Something of a mount that is approved, under the name that it has here. */
interface Offered<Listing> {
  readonly mount: Mount
  readonly listing: Listing
}

export interface Offers {
  /** With the name that the mount knows it by. */
  readonly prompts: ReadonlyArray<Offered<{ readonly name: string }> & { readonly nameThere: string }>
  readonly resources: ReadonlyArray<Offered<{ readonly uri: string; readonly name: string }>>
  readonly templates: ReadonlyArray<Offered<{ readonly uriTemplate: string; readonly name: string }>>
}

/** By the first that has it: an address cannot be spelled anew, since answers name it too. */
const firsts = <A>(all: ReadonlyArray<A>, keyOf: (one: A) => string): ReadonlyMap<string, A> => {
  const map = new Map<string, A>()
  for (const one of all) if (!map.has(keyOf(one))) map.set(keyOf(one), one)
  return map
}

const mapped = <A, B>(map: ReadonlyMap<string, A>, make: (one: A) => B): ReadonlyMap<string, B> =>
  new Map(Array.from(map, ([key, one]) => [key, make(one)]))

/** That tells its addresses from others': one that may be anything would take them all. */
const isTelling = (uriTemplate: string) => /^[a-z][a-z0-9+.-]*:[^{]*\{/i.test(uriTemplate)

export const relaysOf = (requests: Requests, offers: Offers): Relayed => {
  const ask = (
    mount: Mount,
    caller: Caller,
    method: string,
    params: Members,
    read: (result: Members) => Members
  ): Effect.Effect<Members, ToolFailure> => {
    // Of what has a name the gate has judged already; a template's address it does not know.
    const lacking = Bearer.insufficient(caller.scopes, [TOOLS_CALL.name, scopeOf(mount).name])
    if (lacking !== undefined)
      return Effect.fail(new ToolFailure(`This needs a permission that was not given: ${lacking.missing}.`))
    return requests.request({ mount, caller, method, params, isRepeatable: true }).pipe(
      Effect.map(read),
      Effect.catchTag("SignInNeeded", () => Effect.fail(new ToolFailure(requests.signInWords(mount))))
    )
  }
  const relay = <Listing extends object>(
    { mount, listing }: Offered<Listing>,
    answer: (params: Members, caller: Caller) => Effect.Effect<Members, ToolFailure>
  ): Relay<Listing> => ({ listing, scope: scopeOf(mount), answer })

  const reading = (mount: Mount) => (params: Members, caller: Caller) =>
    ask(mount, caller, "resources/read", { uri: params.uri }, resourceResult)

  const prompts = firsts(offers.prompts, ({ listing }) => listing.name)
  const resources = firsts(offers.resources, ({ listing }) => listing.uri)
  const templates = firsts(
    offers.templates.filter(({ listing }) => isTelling(listing.uriTemplate)),
    ({ listing }) => listing.uriTemplate
  )

  return {
    prompts: mapped(prompts, (prompt) =>
      relay(prompt, (params, caller) =>
        ask(prompt.mount, caller, "prompts/get", { ...params, name: prompt.nameThere }, promptResult)
      )
    ),
    resources: mapped(resources, (resource) => relay(resource, reading(resource.mount))),
    templates: mapped(templates, (template) => relay(template, reading(template.mount))),
    complete: (params, caller) => {
      const ref = isRecord(params.ref) ? params.ref : {}
      const prompt = ref.type === "ref/prompt" ? prompts.get(String(ref.name)) : undefined
      const template = ref.type === "ref/resource" ? templates.get(String(ref.uri)) : undefined
      const mount = prompt?.mount ?? template?.mount
      if (mount === undefined) return undefined
      const there = prompt === undefined ? ref : { type: "ref/prompt", name: prompt.nameThere }
      return ask(mount, caller, "completion/complete", { ...params, ref: there }, completionResult)
    }
  }
}
