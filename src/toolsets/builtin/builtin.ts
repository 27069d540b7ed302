/** The tools of this server. A new one is a file beside these, and a line here. */

import { Layer } from "effect"
import { Outbound } from "../../net/outbound.ts"
import type { Tool } from "../tool.ts"
import { calculator } from "./calculator/calculator.ts"
import { fetch } from "./search/fetch.ts"
import { Pages } from "./search/Pages.ts"
import { search } from "./search/search.ts"
import { Search, searchWeb } from "./search/searchWeb.ts"
import { getWeather } from "./weather/getWeather.ts"
import { OpenMeteo } from "./weather/OpenMeteo.ts"

/** What the tools stand on. */
export type ToolServices = OpenMeteo | Search | Pages

export const tools: ReadonlyArray<Tool<ToolServices>> = [calculator, getWeather, searchWeb, search, fetch]

/** Everything that the tools need, from the configuration and the public web. */
export const layer = Layer.mergeAll(OpenMeteo.layer, Search.layer, Pages.layer).pipe(Layer.provide(Outbound.layer))
