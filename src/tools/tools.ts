/** The tools of this server. A new one is a file beside these, and a line here. */

import { Layer } from "effect"
import { calculator } from "./calculator/calculator.ts"
import { Outbound } from "./outbound.ts"
import { Search, searchWeb } from "./search/searchWeb.ts"
import type { Tool } from "./Tool.ts"
import { getWeather } from "./weather/getWeather.ts"
import { OpenMeteo } from "./weather/OpenMeteo.ts"

/** What the tools stand on. */
export type ToolServices = OpenMeteo | Search

export const tools: ReadonlyArray<Tool<ToolServices>> = [calculator, getWeather, searchWeb]

/** Everything that the tools need, from the configuration alone. */
export const layer = Layer.mergeAll(OpenMeteo.layer, Search.layer).pipe(Layer.provide(Outbound.layer))
