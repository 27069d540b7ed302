/** The tools that come along. A new one is a folder beside these and a line in the list, and what it is for. */

import { Effect, Layer } from "effect"
import { ConfigInvalid, ServerConfig } from "../../config/ServerConfig.ts"
import { Outbound } from "../../net/outbound.ts"
import { offeringOf } from "../offering.ts"
import { Toolset } from "../Toolset.ts"
import { bind, type Declared } from "../tool.ts"
import { calculator } from "./calculator/calculator.ts"
import { fetch } from "./search/fetch.ts"
import { Reader } from "./search/Reader.ts"
import { search } from "./search/search.ts"
import { Search, searchWeb } from "./search/searchWeb.ts"
import { getWeather } from "./weather/getWeather.ts"
import { OpenMeteo } from "./weather/OpenMeteo.ts"

/** What the tools stand on. */
export const layer = Layer.mergeAll(OpenMeteo.layer, Search.layer, Reader.layer).pipe(Layer.provide(Outbound.layer))

export const tools: ReadonlyArray<Declared<Layer.Success<typeof layer>>> = [
  calculator,
  getWeather,
  searchWeb,
  search,
  fetch
]

/** What a model is told of each. */
export const PURPOSES: Readonly<Record<string, string>> = {
  calculator: "calculator for exact arithmetic",
  get_weather: "get_weather for current weather and a short forecast",
  search_web: "search_web for web results with snippets",
  search: "search to find pages",
  fetch: "fetch to read one"
}

/** Their keys are in the configuration. */
const NO_SECRETS = { secret: () => undefined }

/** Those that stay, as `BUILT_IN_TOOLS` says, each in its place. */
export const builtin = Effect.gen(function* () {
  const { builtInTools } = yield* ServerConfig
  const unknown = builtInTools?.filter((name) => !tools.some((tool) => tool.name === name)) ?? []
  if (unknown.length > 0) {
    const known = tools.map(({ name }) => name).join(", ")
    return yield* new ConfigInvalid({
      problems: [`BUILT_IN_TOOLS names ${unknown.join(", ")}; there are ${known}, or none`]
    })
  }
  const kept = tools.filter(({ name }) => builtInTools?.includes(name) ?? true)
  return yield* Effect.forEach(kept, (tool) => bind(tool, NO_SECRETS))
})

/** These alone. */
export const BuiltinToolset = Layer.effect(
  Toolset,
  Effect.map(builtin, (tools) => {
    const offering = offeringOf({ tools, purposes: PURPOSES })
    return Toolset.of({ current: () => offering })
  })
).pipe(Layer.provide(layer))
