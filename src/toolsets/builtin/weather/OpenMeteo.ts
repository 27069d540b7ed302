/** Open-Meteo: https://open-meteo.com/en/docs and https://open-meteo.com/en/docs/geocoding-api. It needs no key. */

import { Cache, Context, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { ServerConfig } from "../../../config/ServerConfig.ts"
import { Outbound } from "../../../net/outbound.ts"
import { type Failure, ToolFailure } from "../../failure.ts"
import { plainText } from "../../untrusted.ts"
import { languagesOf, openNames } from "./areas.ts"
import {
  type Asked,
  askedOf,
  Candidate,
  chosen,
  isCalled,
  isCode,
  isIn,
  isWellKnown,
  type Place,
  placeOf,
  withLastWordAsArea
} from "./place.ts"

const SERVICE = "Open-Meteo"
const PLACES_KEPT = 1000
const FORECASTS_KEPT = 1000
/** Candidates that are asked for: of a name, and of a name that is to be in an area, since the area may not be its best. */
const FEW = 20
const MANY = 100
/** Candidates that a refusal names. */
const NAMED = 5

export const Units = Schema.Literals(["metric", "imperial"])

interface ForecastRequest {
  readonly latitude: number
  readonly longitude: number
  readonly units: typeof Units.Type
  readonly days: number
}

/** Without `results` when nothing was found. A candidate that is malformed costs itself only. */
const GeocodingAnswer = Schema.Struct({ results: Schema.optionalKey(Schema.Array(Schema.Unknown)) })
const decodeCandidate = Schema.decodeUnknownOption(Candidate)

type Fits = (candidate: Candidate) => boolean
const NOTHING: { readonly all: ReadonlyArray<Candidate>; readonly fitting: ReadonlyArray<Candidate> } = {
  all: [],
  fitting: []
}

const Measured = Schema.NullOr(Schema.Finite)
const Series = Schema.Array(Measured)

const CurrentAnswer = Schema.Struct({
  time: Schema.String,
  temperature_2m: Measured,
  apparent_temperature: Measured,
  relative_humidity_2m: Measured,
  precipitation: Measured,
  weather_code: Measured,
  wind_speed_10m: Measured,
  wind_direction_10m: Measured
})

const DailyAnswer = Schema.Struct({
  time: Schema.Array(Schema.String),
  weather_code: Series,
  temperature_2m_max: Series,
  temperature_2m_min: Series,
  precipitation_sum: Series,
  precipitation_probability_max: Series
})

const ForecastAnswer = Schema.Struct({ timezone: Schema.String, current: CurrentAnswer, daily: DailyAnswer })

/** The variables that are asked for are those that the answer is decoded by. */
const variablesOf = (fields: object) =>
  Object.keys(fields)
    .filter((name) => name !== "time")
    .join(",")

/** Places and forecasts, kept for a while. */
export class OpenMeteo extends Context.Service<
  OpenMeteo,
  {
    readonly findPlace: (name: string) => Effect.Effect<Place, Failure>
    readonly forecast: (request: ForecastRequest) => Effect.Effect<typeof ForecastAnswer.Type, Failure>
  }
>()("gatehouse/toolsets/OpenMeteo") {
  static readonly layer = Layer.effect(
    OpenMeteo,
    Effect.gen(function* () {
      const { weather } = yield* ServerConfig
      const outbound = yield* Outbound
      openNames()

      /**
       * Candidates by name, best first, and those that fit, which is judged answer by answer: all at once would hold up
       * others. The name may have one area behind a comma, a region or a country.
       */
      const search = Effect.fnUntraced(function* (name: string, language: string, count: number, fits: Fits) {
        const { results = [] } = yield* outbound.json({
          service: SERVICE,
          url: weather.geocodingUrl,
          query: { name, count: String(count), language, format: "json" },
          answer: GeocodingAnswer
        })
        const all = results.flatMap((result) => Option.toArray(decodeCandidate(result)))
        return { all, fitting: all.filter(fits) }
      })

      /**
       * The place that was meant, or those that have its name. Open-Meteo knows a place by its English name and by those
       * of the language that it is asked in, so who is not sure asks again in the languages that the name may be in.
       */
      const find = Effect.fnUntraced(function* ({ name, areas }: Asked, languages: ReadonlyArray<string>) {
        const fits = isIn(areas)
        const count = areas.length === 0 ? FEW : MANY
        const narrowed = (yield* search([name, ...areas.slice(0, 1)].join(", "), "en", count, fits)).fitting
        const [first] = narrowed
        if (first !== undefined) {
          const isNamesake = isCalled(name)(first) && (areas.length > 0 || isWellKnown(first))
          if (isNamesake || isCode(name)) return { found: first, named: narrowed }
        }
        const [anywhere = NOTHING, ...local] = yield* Effect.all(
          [
            // What Open-Meteo does not take for an area may be one to us.
            areas.length === 0 ? Effect.succeed(NOTHING) : search(name, "en", MANY, fits),
            ...languages.map((language) => search(name, language, FEW, fits))
          ],
          { concurrency: "unbounded" }
        )
        const others = local.flatMap(({ fitting }) => fitting)
        const found = chosen(name, [...narrowed, ...anywhere.fitting], others)
        return { found, named: anywhere.all.length > 0 ? anywhere.all : local.flatMap(({ all }) => all) }
      })

      const places = yield* Cache.makeWith(
        Effect.fnUntraced(function* (text: string) {
          const asked = askedOf(text)
          if (asked === undefined) {
            return yield* new ToolFailure("Give a place by its name, and its region or country after a comma.")
          }
          const { found, named } = yield* find(asked, isCode(asked.name) ? [] : languagesOf(asked.name))
          if (found !== undefined) return placeOf(found)
          const otherwise = withLastWordAsArea(asked)
          const better = otherwise && (yield* find(otherwise, [])).found
          return better === undefined ? yield* notFound(asked, named) : placeOf(better)
        }),
        { capacity: PLACES_KEPT, timeToLive: successFor("24 hours") }
      )

      const forecasts = yield* Cache.makeWith(
        ({ latitude, longitude, units, days }: ForecastRequest) =>
          outbound.json({
            service: SERVICE,
            url: weather.forecastUrl,
            query: {
              latitude: String(latitude),
              longitude: String(longitude),
              current: variablesOf(CurrentAnswer.fields),
              daily: variablesOf(DailyAnswer.fields),
              timezone: "auto",
              forecast_days: String(days),
              ...(units === "imperial" && {
                temperature_unit: "fahrenheit",
                wind_speed_unit: "mph",
                precipitation_unit: "inch"
              })
            },
            answer: ForecastAnswer
          }),
        { capacity: FORECASTS_KEPT, timeToLive: successFor("10 minutes") }
      )

      return OpenMeteo.of({
        findPlace: (name) => Cache.get(places, keyOf(name)),
        forecast: ({ latitude, longitude, units, days }) =>
          Cache.get(forecasts, { latitude: rounded(latitude), longitude: rounded(longitude), units, days })
      })
    })
  )
}

const successFor = (duration: Duration.Input) => (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit) ? duration : Duration.zero

/** Two decimals are a kilometre: near enough to share an answer, and nobody's address. */
const rounded = (degrees: number) => Math.round(degrees * 100) / 100 + 0

/** One spelling of what is the same to a geocoder. */
const keyOf = (text: string) => text.normalize("NFKC").replace(/\s+/g, " ").trim().toLowerCase()

const notFound = ({ name, areas }: Asked, named: ReadonlyArray<Candidate>) => {
  const quoted = (words: string) => JSON.stringify(plainText(words, 80))
  const within = areas.length === 0 ? "" : ` in ${quoted(areas.join(", "))}`
  const places = [...new Set(named.map((candidate) => placeOf(candidate).name))].slice(0, NAMED)
  const instead = places.length === 0 ? "" : ` There are: ${places.join("; ")}.`
  return new ToolFailure(`No place called ${quoted(name)} was found${within}.${instead}`)
}
