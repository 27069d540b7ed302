/** Open-Meteo: https://open-meteo.com/en/docs and https://open-meteo.com/en/docs/geocoding-api. It needs no key. */

import { Cache, Context, Duration, Effect, Exit, Layer, Schema } from "effect"
import { ServerConfig } from "../../../config/ServerConfig.ts"
import { Outbound } from "../../../net/outbound.ts"
import { type Failure, ToolFailure } from "../../tool.ts"
import { plainText } from "../../untrusted.ts"

const SERVICE = "Open-Meteo"
const PLACES_KEPT = 1000
const FORECASTS_KEPT = 1000
/** Enough to find the Paris that is in Texas. */
const CANDIDATES = 20

/** Degrees. */
export const Latitude = Schema.Finite.check(Schema.isBetween({ minimum: -90, maximum: 90 }))
export const Longitude = Schema.Finite.check(Schema.isBetween({ minimum: -180, maximum: 180 }))
export const Units = Schema.Literals(["metric", "imperial"])

/** Where the weather is asked for. */
export interface Place {
  readonly name: string
  readonly latitude: number
  readonly longitude: number
}

interface ForecastRequest {
  readonly latitude: number
  readonly longitude: number
  readonly units: typeof Units.Type
  readonly days: number
}

const Candidate = Schema.Struct({
  name: Schema.String,
  latitude: Latitude,
  longitude: Longitude,
  country: Schema.optionalKey(Schema.String),
  country_code: Schema.optionalKey(Schema.String),
  admin1: Schema.optionalKey(Schema.String),
  admin2: Schema.optionalKey(Schema.String)
})

/** Without `results` when nothing was found. */
const GeocodingAnswer = Schema.Struct({ results: Schema.optionalKey(Schema.Array(Candidate)) })

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

      const places = yield* Cache.makeWith(
        Effect.fnUntraced(function* (text: string) {
          const [name = "", ...qualifiers] = text.split(",").map((part) => part.trim())
          const { results = [] } = yield* outbound.json({
            service: SERVICE,
            url: weather.geocodingUrl,
            query: {
              name,
              count: String(qualifiers.length === 0 ? 1 : CANDIDATES),
              language: "en",
              format: "json"
            },
            answer: GeocodingAnswer
          })
          const found = results.find((candidate) => qualifiers.every(belongsTo(candidate))) ?? results[0]
          if (found !== undefined) return placeOf(found)
          return yield* new ToolFailure({
            message: `No place called ${JSON.stringify(plainText(text, 80))} was found.`
          })
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
        findPlace: (name) => Cache.get(places, name.trim().toLowerCase()),
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

/** Open-Meteo searches by name alone, so what stands behind a comma picks among its answers: Paris, Texas. */
const belongsTo = (candidate: typeof Candidate.Type) => (qualifier: string) =>
  [candidate.country, candidate.country_code, candidate.admin1, candidate.admin2].some(
    (part) => part?.toLowerCase() === qualifier
  )

const placeOf = ({ name, admin1, country, latitude, longitude }: typeof Candidate.Type): Place => {
  const parts = [name, admin1, country].filter((part) => part !== undefined)
  return { name: plainText([...new Set(parts)].join(", "), 200), latitude, longitude }
}
