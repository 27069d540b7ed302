/** Weather from Open-Meteo, which needs no key. */

import { Cache, Context, Duration, Effect, Exit, Layer, Schema } from "effect"
import { ServerConfig } from "../config.ts"
import { Outbound, plainText } from "./outbound.ts"
import * as Tool from "./Tool.ts"

const Units = Schema.Literals(["metric", "imperial"])
const Latitude = Schema.Number.check(Schema.isBetween({ minimum: -90, maximum: 90 }))
const Longitude = Schema.Number.check(Schema.isBetween({ minimum: -180, maximum: 180 }))
const measured = (description: string) => Schema.NullOr(Schema.Finite).annotate({ description })

// --- what Open-Meteo answers ---------------------------------------------------------------------------------------

const GeocodingAnswer = Schema.Struct({
  results: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        name: Schema.String,
        latitude: Latitude,
        longitude: Longitude,
        country: Schema.optionalKey(Schema.String),
        admin1: Schema.optionalKey(Schema.String)
      })
    )
  )
})

const Series = Schema.Array(Schema.NullOr(Schema.Finite))
const ForecastAnswer = Schema.Struct({
  timezone: Schema.String,
  current: Schema.Struct({
    time: Schema.String,
    temperature_2m: Schema.NullOr(Schema.Finite),
    apparent_temperature: Schema.NullOr(Schema.Finite),
    relative_humidity_2m: Schema.NullOr(Schema.Finite),
    precipitation: Schema.NullOr(Schema.Finite),
    weather_code: Schema.NullOr(Schema.Finite),
    wind_speed_10m: Schema.NullOr(Schema.Finite),
    wind_direction_10m: Schema.NullOr(Schema.Finite)
  }),
  daily: Schema.Struct({
    time: Schema.Array(Schema.String),
    weather_code: Series,
    temperature_2m_max: Series,
    temperature_2m_min: Series,
    precipitation_sum: Series,
    precipitation_probability_max: Series
  })
})

/** WMO code table 4677, as Open-Meteo documents it. */
const CONDITIONS: Readonly<Record<number, string>> = {
  0: "clear sky",
  1: "mainly clear",
  2: "partly cloudy",
  3: "overcast",
  45: "fog",
  48: "depositing rime fog",
  51: "light drizzle",
  53: "moderate drizzle",
  55: "dense drizzle",
  56: "light freezing drizzle",
  57: "dense freezing drizzle",
  61: "slight rain",
  63: "moderate rain",
  65: "heavy rain",
  66: "light freezing rain",
  67: "heavy freezing rain",
  71: "slight snowfall",
  73: "moderate snowfall",
  75: "heavy snowfall",
  77: "snow grains",
  80: "slight rain showers",
  81: "moderate rain showers",
  82: "violent rain showers",
  85: "slight snow showers",
  86: "heavy snow showers",
  95: "thunderstorm",
  96: "thunderstorm with slight hail",
  99: "thunderstorm with heavy hail"
}
const conditions = (code: number | null | undefined) => CONDITIONS[code ?? -1] ?? "unknown"

// --- the service ---------------------------------------------------------------------------------------------------

interface Place {
  readonly name: string
  readonly latitude: number
  readonly longitude: number
}
interface Asked {
  readonly latitude: number
  readonly longitude: number
  readonly units: typeof Units.Type
  readonly days: number
}

export class Weather extends Context.Service<
  Weather,
  {
    readonly find: (name: string) => Effect.Effect<Place, Tool.ToolFailure>
    readonly forecast: (asked: Asked) => Effect.Effect<typeof ForecastAnswer.Type, Tool.ToolFailure>
  }
>()("gatehouse/tools/Weather") {
  static readonly layer = Layer.effect(
    Weather,
    Effect.gen(function* () {
      const { weather } = yield* ServerConfig
      const outbound = yield* Outbound
      const keep = (duration: Duration.Input) => (exit: Exit.Exit<unknown, unknown>) =>
        Exit.isSuccess(exit) ? duration : Duration.zero

      const places = yield* Cache.makeWith(
        Effect.fnUntraced(function* (name: string) {
          const { results = [] } = yield* outbound.json({
            service: "Open-Meteo",
            url: weather.geocodingUrl,
            query: { name, count: "1", language: "en", format: "json" },
            answer: GeocodingAnswer
          })
          const [found] = results
          if (found === undefined) {
            return yield* new Tool.ToolFailure({ message: `No place called “${plainText(name, 80)}” was found.` })
          }
          const parts = [found.name, found.admin1, found.country].filter((part) => part !== undefined)
          return { ...found, name: plainText([...new Set(parts)].join(", "), 200) } satisfies Place
        }),
        { capacity: 1000, timeToLive: keep("24 hours") }
      )

      const forecasts = yield* Cache.makeWith(
        (key: string) => {
          const { latitude, longitude, units, days }: Asked = JSON.parse(key)
          return outbound.json({
            service: "Open-Meteo",
            url: weather.forecastUrl,
            query: {
              latitude: String(latitude),
              longitude: String(longitude),
              current:
                "temperature_2m,apparent_temperature,relative_humidity_2m,precipitation,weather_code,wind_speed_10m,wind_direction_10m",
              daily:
                "weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum,precipitation_probability_max",
              timezone: "auto",
              forecast_days: String(days),
              ...(units === "imperial"
                ? { temperature_unit: "fahrenheit", wind_speed_unit: "mph", precipitation_unit: "inch" }
                : {})
            },
            answer: ForecastAnswer
          })
        },
        { capacity: 1000, timeToLive: keep("10 minutes") }
      )

      return Weather.of({
        find: (name) => Cache.get(places, name.trim().toLowerCase()),
        // Two decimals are a kilometre: near enough to share, and to ask for.
        forecast: ({ latitude, longitude, units, days }) =>
          Cache.get(
            forecasts,
            JSON.stringify({ latitude: +latitude.toFixed(2), longitude: +longitude.toFixed(2), units, days })
          )
      })
    })
  )
}

// --- the tool ------------------------------------------------------------------------------------------------------

export const getWeather = Tool.make({
  name: "get_weather",
  title: "Weather",
  description:
    "Current weather and a short forecast for a place, from Open-Meteo. Give either location (a city or postal code) or " +
    "latitude and longitude.",
  scope: "mcp.tools.call",
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: Schema.Struct({
    location: Schema.optionalKey(
      Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(100)).annotate({
        description: "A place, for example Berlin or 10115"
      })
    ),
    latitude: Schema.optionalKey(Latitude.annotate({ description: "Degrees north, from -90 to 90" })),
    longitude: Schema.optionalKey(Longitude.annotate({ description: "Degrees east, from -180 to 180" })),
    units: Schema.optionalKey(
      Units.annotate({ description: "metric (°C, km/h, mm; the default) or imperial (°F, mph, inch)" })
    ),
    days: Schema.optionalKey(
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 })).annotate({
        description: "Days of forecast, 1 to 7; 3 by default"
      })
    )
  }),
  output: Schema.Struct({
    location: Schema.String.annotate({ description: "The place that was found" }),
    latitude: Schema.Finite,
    longitude: Schema.Finite,
    timezone: Schema.String,
    units: Schema.Struct({ temperature: Schema.String, wind_speed: Schema.String, precipitation: Schema.String }),
    current: Schema.Struct({
      time: Schema.String.annotate({ description: "Local time of the measurement" }),
      conditions: Schema.String,
      temperature: measured("Air temperature"),
      apparent_temperature: measured("What it feels like"),
      humidity: measured("Relative humidity in percent"),
      precipitation: measured("Precipitation of the last hour"),
      wind_speed: measured("Wind speed at 10 m"),
      wind_direction: measured("Where the wind comes from, in degrees")
    }),
    forecast: Schema.Array(
      Schema.Struct({
        date: Schema.String,
        conditions: Schema.String,
        temperature_max: measured("Highest temperature"),
        temperature_min: measured("Lowest temperature"),
        precipitation: measured("Sum of the day"),
        precipitation_probability: measured("Highest of the day, in percent")
      })
    )
  }),
  handler: Effect.fn("get_weather")(function* ({ location, latitude, longitude, units = "metric", days = 3 }) {
    const weather = yield* Weather
    const byCoordinates = latitude !== undefined && longitude !== undefined
    if (byCoordinates === (location !== undefined) || (latitude === undefined) !== (longitude === undefined)) {
      return yield* new Tool.ToolFailure({ message: "Give either location, or both latitude and longitude." })
    }
    const place = byCoordinates
      ? { name: `${latitude}, ${longitude}`, latitude, longitude }
      : yield* weather.find(location ?? "")
    const { timezone, current, daily } = yield* weather.forecast({ ...place, units, days })
    return {
      location: place.name,
      latitude: place.latitude,
      longitude: place.longitude,
      timezone: plainText(timezone, 60),
      units:
        units === "metric"
          ? { temperature: "°C", wind_speed: "km/h", precipitation: "mm" }
          : { temperature: "°F", wind_speed: "mph", precipitation: "inch" },
      current: {
        time: plainText(current.time, 40),
        conditions: conditions(current.weather_code),
        temperature: current.temperature_2m,
        apparent_temperature: current.apparent_temperature,
        humidity: current.relative_humidity_2m,
        precipitation: current.precipitation,
        wind_speed: current.wind_speed_10m,
        wind_direction: current.wind_direction_10m
      },
      forecast: daily.time.slice(0, days).map((date, day) => ({
        date: plainText(date, 40),
        conditions: conditions(daily.weather_code[day]),
        temperature_max: daily.temperature_2m_max[day] ?? null,
        temperature_min: daily.temperature_2m_min[day] ?? null,
        precipitation: daily.precipitation_sum[day] ?? null,
        precipitation_probability: daily.precipitation_probability_max[day] ?? null
      }))
    }
  })
})
