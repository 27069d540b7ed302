/** The weather tool over a geocoder and a forecaster of the test's own. */

import { Effect, Layer } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { layer as Tools } from "../../src/toolsets/builtin/builtin.ts"
import { getWeather } from "../../src/toolsets/builtin/weather/getWeather.ts"
import { started } from "./toolset.ts"
import { type Answering, upstream } from "./upstream.ts"

// Cut from a real answer of api.open-meteo.com.
export const forecast = {
  latitude: 48.86,
  longitude: 2.35,
  generationtime_ms: 0.2,
  utc_offset_seconds: 3600,
  timezone: "Europe/Paris",
  timezone_abbreviation: "GMT+1",
  elevation: 43,
  current_units: { time: "iso8601", interval: "seconds", temperature_2m: "°C" },
  current: {
    time: "2026-11-24T12:45",
    interval: 900,
    temperature_2m: 7.4,
    apparent_temperature: 4.1,
    relative_humidity_2m: 81,
    precipitation: 0,
    weather_code: 3,
    wind_speed_10m: 15.2,
    wind_direction_10m: 240
  },
  daily: {
    time: ["2026-11-24", "2026-11-25"],
    weather_code: [61, null],
    temperature_2m_max: [9.1, null],
    temperature_2m_min: [3.2, 2.8],
    precipitation_sum: [1.4, 0],
    precipitation_probability_max: [80, null]
  }
}

export const weather = Effect.fn("weather")(function* (geocoding: Answering, forecasting: Answering) {
  const places = yield* upstream(geocoding)
  const forecasts = yield* upstream(forecasting)
  const config = ServerConfig.layerOf({
    WEATHER_GEOCODING_URL: `${places.url}/v1/search`,
    WEATHER_FORECAST_URL: `${forecasts.url}/v1/forecast`
  })
  const context = yield* Layer.build(Tools.pipe(Layer.provide(PublicWeb.layer), Layer.provide(config)))
  const call = (args: unknown) => Effect.provide(started(getWeather, args), context)
  return {
    call,
    refusal: (args: unknown) => Effect.map(Effect.flip(call(args)), ({ message }) => message),
    places,
    forecasts
  }
})
