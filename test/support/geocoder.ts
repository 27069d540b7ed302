/** A geocoder that answers as Open-Meteo's does: a name is looked for among the native ones and those of one language. */

import { folded } from "../../src/toolsets/builtin/weather/areas.ts"
import type { Answering } from "./upstream.ts"

type Names = Readonly<Record<string, string>>
interface Known {
  readonly name: string
  /** By language; in any other one the place is called by its name. */
  readonly names?: Names
  readonly country: readonly [code: string, names: Names]
  readonly admin1?: Names
  readonly admin2?: string
  readonly short?: string
  readonly population?: number
  readonly feature_code?: string
  readonly postcodes?: ReadonlyArray<string>
}

const FR = ["FR", { en: "France", de: "Frankreich", fr: "France", pl: "Francja" }] as const
const US = ["US", { en: "United States", de: "Vereinigte Staaten", pl: "Stany Zjednoczone" }] as const
const CA = ["CA", { en: "Canada" }] as const
const DE = ["DE", { en: "Germany", de: "Deutschland" }] as const
const us = (name: string, state: string, short: string, population: number, more: Partial<Known> = {}): Known => ({
  name,
  country: US,
  admin1: { en: state },
  short,
  population,
  ...more
})

const PLACES: ReadonlyArray<Known> = [
  {
    name: "Paris",
    country: FR,
    admin1: { en: "Île-de-France Region", fr: "Île-de-France" },
    population: 2_138_551,
    feature_code: "PPLC",
    postcodes: ["75001"]
  },
  us("Paris", "Texas", "TX", 24_782, { admin2: "Lamar County", postcodes: ["75460"] }),
  { name: "Paris", country: CA, admin1: { en: "Ontario" }, short: "ON", population: 11_177 },
  us("Portland", "Oregon", "OR", 632_309),
  us("Portland", "Maine", "ME", 66_881),
  {
    name: "Athens",
    names: { de: "Athen" },
    country: ["GR", { en: "Greece" }],
    admin1: { en: "Attica" },
    population: 664_046,
    feature_code: "PPLC"
  },
  us("Athens", "Georgia", "GA", 115_452),
  {
    name: "London",
    country: ["GB", { en: "United Kingdom" }],
    admin1: { en: "England" },
    population: 8_961_989,
    feature_code: "PPLC"
  },
  { name: "London", country: CA, admin1: { en: "Ontario" }, short: "ON", population: 346_765 },
  us("Springfield", "Missouri", "MO", 166_810),
  us("Springfield", "Illinois", "IL", 116_565),
  {
    name: "Saint Petersburg",
    names: { ru: "Санкт-Петербург" },
    country: ["RU", { en: "Russia", ru: "Россия" }],
    population: 5_351_935,
    feature_code: "PPLA"
  },
  us("St. Petersburg", "Florida", "FL", 257_083),
  us("Warszawa", "Ohio", "OH", 0),
  {
    name: "Warsaw",
    names: { pl: "Warszawa", de: "Warschau" },
    country: ["PL", { en: "Poland", pl: "Polska" }],
    admin1: { en: "Mazovia", pl: "Mazowieckie" },
    population: 1_702_139,
    feature_code: "PPLC"
  },
  us("Roma", "Texas", "TX", 11_561),
  {
    name: "Rome",
    names: { it: "Roma", es: "Roma", pl: "Rzym" },
    country: ["IT", { en: "Italy", it: "Italia", es: "Italia" }],
    admin1: { en: "Lazio" },
    population: 2_318_895,
    feature_code: "PPLC"
  },
  {
    name: "Tokyo",
    names: { ja: "東京", zh: "东京" },
    country: ["JP", { en: "Japan", ja: "日本" }],
    admin1: { en: "Tokyo", ja: "東京都" },
    population: 9_733_276,
    feature_code: "PPLC"
  },
  {
    name: "Moscow",
    names: { ru: "Москва" },
    country: ["RU", { en: "Russia", ru: "Россия" }],
    admin1: { en: "Moscow", ru: "Москва" },
    population: 10_381_222,
    feature_code: "PPLC"
  },
  {
    name: "Cairo",
    names: { ar: "القاهرة" },
    country: ["EG", { en: "Egypt", ar: "مصر" }],
    population: 9_606_916,
    feature_code: "PPLC"
  },
  {
    name: "São Paulo",
    country: ["BR", { en: "Brazil" }],
    admin1: { en: "State of São Paulo" },
    population: 10_021_295
  },
  {
    name: "Zürich",
    names: { en: "Zurich" },
    country: ["CH", { en: "Switzerland" }],
    admin1: { en: "Canton of Zurich" },
    population: 341_730
  },
  {
    name: "Köln",
    names: { en: "Cologne", de: "Köln" },
    country: DE,
    admin1: { en: "North Rhine-Westphalia", de: "Nordrhein-Westfalen" },
    population: 963_395
  },
  {
    name: "Munich",
    names: { de: "München" },
    country: DE,
    admin1: { en: "Bavaria", de: "Bayern" },
    population: 1_260_391
  },
  us("New York", "New York", "NY", 8_804_190),
  us("Washington", "Washington, D.C.", "DC", 689_545),
  us("Beverly Hills", "California", "CA", 34_109, { postcodes: ["90210"] }),
  { name: "Georgia", country: ["GE", { en: "Georgia" }], population: 3_731_000, feature_code: "PCLI" },
  { name: "Perth", country: ["AU", { en: "Australia" }], admin1: { en: "Western Australia" }, population: 1_896_548 },
  { name: "San Juan", country: ["AR", { en: "Argentina" }], admin1: { en: "San Juan" }, population: 447_048 },
  { name: "San Juan", country: ["PR", { en: "Puerto Rico" }], admin1: { en: "San Juan" }, population: 342_259 },
  us("Vancouver", "Washington", "WA", 190_915),
  { name: "Vancouver", country: CA, admin1: { en: "British Columbia" }, short: "BC", population: 662_248 }
]

/** What becomes of an area behind a comma: used to narrow, not read, or taken for a part of the name. */
export type Areas = "narrow" | "ignored" | "literal"

export const geocoder =
  (areas: Areas = "narrow"): Answering =>
  ({ url }, response) => {
    const asked = url.searchParams.get("name") ?? ""
    const language = url.searchParams.get("language") ?? "en"
    const [name = "", area = ""] = areas === "literal" ? [asked] : asked.split(",").map((part) => part.trim())
    const called = (names: Names | undefined, otherwise = "") => names?.[language] ?? names?.en ?? otherwise
    const results = PLACES.filter((place) => {
      const own = [place.name, place.names?.[language] ?? "", ...(place.postcodes ?? [])].map(folded)
      if (!own.some((one) => one === folded(name) || (name.length > 2 && one.startsWith(folded(name))))) return false
      if (area === "" || areas === "ignored") return true
      const [code, country] = place.country
      return [code, place.short ?? "", called(country), country.en ?? "", called(place.admin1)]
        .map(folded)
        .includes(folded(area))
    })
      .sort((one, two) => (two.population ?? 0) - (one.population ?? 0))
      .slice(0, Number(url.searchParams.get("count") ?? 10))
      .map(({ name, names, country: [country_code, country], admin1, short: _, ...place }) => ({
        ...place,
        name: names?.[language] ?? name,
        country_code,
        country: called(country),
        ...(admin1 && { admin1: called(admin1) }),
        latitude: 1,
        longitude: 2
      }))
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(results.length === 0 ? { generationtime_ms: 1 } : { results, generationtime_ms: 1 }))
  }
