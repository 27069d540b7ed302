import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { answerJson, answerText } from "../support/upstream.ts"
import { forecast, weather } from "../support/weather.ts"

// Cut from a real answer of geocoding-api.open-meteo.com.
const paris = {
  results: [
    {
      id: 2988507,
      name: "Paris",
      latitude: 48.85341,
      longitude: 2.3488,
      elevation: 42,
      feature_code: "PPLC",
      country_code: "FR",
      timezone: "Europe/Paris",
      population: 2138551,
      country: "France",
      admin1: "Île-de-France Region"
    },
    {
      id: 4717560,
      name: "Paris",
      latitude: 33.66094,
      longitude: -95.55551,
      country_code: "US",
      timezone: "America/Chicago",
      country: "United States",
      admin1: "Texas",
      admin2: "Lamar"
    }
  ],
  generationtime_ms: 0.66
}
const withAnswers = weather(answerJson(paris), answerJson(forecast))

describe("get_weather", () => {
  it.live("a place by name: found once, asked once, told in its own units", () =>
    Effect.gen(function* () {
      const { call, places, forecasts } = yield* withAnswers
      const answer = yield* call({ location: " Paris " })
      assert.deepEqual(answer, {
        location: "Paris, Île-de-France Region, France",
        latitude: 48.85341,
        longitude: 2.3488,
        timezone: "Europe/Paris",
        units: { temperature: "°C", wind_speed: "km/h", precipitation: "mm" },
        current: {
          time: "2026-11-24T12:45",
          conditions: "overcast",
          temperature: 7.4,
          apparent_temperature: 4.1,
          humidity: 81,
          precipitation: 0,
          wind_speed: 15.2,
          wind_direction: 240
        },
        forecast: [
          {
            date: "2026-11-24",
            conditions: "slight rain",
            temperature_max: 9.1,
            temperature_min: 3.2,
            precipitation: 1.4,
            precipitation_probability: 80
          },
          {
            date: "2026-11-25",
            conditions: "unknown",
            temperature_max: null,
            temperature_min: 2.8,
            precipitation: 0,
            precipitation_probability: null
          }
        ]
      })
      assert.deepEqual(Object.fromEntries(places.asked[0]?.url.searchParams ?? []), {
        name: "paris",
        count: "20",
        language: "en",
        format: "json"
      })
      assert.strictEqual(forecasts.asked[0]?.url.searchParams.get("latitude"), "48.85")
      assert.strictEqual(forecasts.asked[0]?.url.searchParams.get("forecast_days"), "3")
      assert.deepEqual(yield* call({ location: "paris" }), answer)
      assert.strictEqual(places.asked.length, 1)
      assert.strictEqual(forecasts.asked.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("Paris, Texas is not Paris, and imperial units are asked for", () =>
    Effect.gen(function* () {
      const { call, forecasts } = yield* withAnswers
      const answer = yield* call({ location: "Paris, Texas", units: "imperial", days: 1 })
      assert.strictEqual(answer.location, "Paris, Texas, United States")
      assert.deepEqual(answer.units, { temperature: "°F", wind_speed: "mph", precipitation: "inch" })
      assert.strictEqual((answer.forecast as Array<unknown>).length, 1)
      const asked = forecasts.asked[0]?.url.searchParams
      assert.strictEqual(asked?.get("temperature_unit"), "fahrenheit")
      assert.strictEqual(asked?.get("wind_speed_unit"), "mph")
      assert.strictEqual(asked?.get("precipitation_unit"), "inch")
    }).pipe(Effect.scoped)
  )

  it.live("coordinates need no geocoding, and neighbours share an answer", () =>
    Effect.gen(function* () {
      const { call, places, forecasts } = yield* withAnswers
      assert.strictEqual((yield* call({ latitude: 48.8566, longitude: 2.3522 })).location, "48.8566, 2.3522")
      yield* call({ latitude: 48.8561, longitude: 2.3519 })
      assert.strictEqual(places.asked.length, 0)
      assert.strictEqual(forecasts.asked.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("MC16 arguments that do not fit are refused by name, and nothing is asked", () =>
    Effect.gen(function* () {
      const { refusal, places, forecasts } = yield* withAnswers
      assert.match(yield* refusal({}), /Give either location, or both/)
      assert.match(yield* refusal({ latitude: 1 }), /Give either location, or both/)
      assert.match(yield* refusal({ location: "Paris", latitude: 1, longitude: 1 }), /Give either location, or both/)
      assert.match(yield* refusal({ location: "" }), /"location".*1 to 100/)
      assert.match(yield* refusal({ location: 7 }), /"location"/)
      assert.match(yield* refusal({ latitude: 91, longitude: 181 }), /"latitude".*"longitude"/)
      assert.match(yield* refusal({ location: "Paris", days: 8 }), /"days"/)
      assert.match(yield* refusal({ location: "Paris", units: "kelvin" }), /"units"/)
      assert.match(yield* refusal({ location: "Paris", unit: "metric" }), /"unit" is unknown \(is "units" meant/)
      assert.strictEqual(places.asked.length + forecasts.asked.length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("an unknown place says so, and is asked again next time", () =>
    Effect.gen(function* () {
      const { refusal, places } = yield* weather(answerJson({ generationtime_ms: 0.3 }), answerJson(forecast))
      assert.strictEqual(yield* refusal({ location: "Xyzzy" }), 'No place called "xyzzy" was found.')
      const once = places.asked.length
      yield* refusal({ location: "Xyzzy" })
      assert.strictEqual(places.asked.length, 2 * once)
    }).pipe(Effect.scoped)
  )

  it.live("a place's own name cannot carry hidden text to the model", () =>
    Effect.gen(function* () {
      const [place] = paris.results
      const hostile = { ...place, name: "Paris<script>\u202e\u{e0041}", country: "\u0000Fra\nnce" }
      const { call } = yield* weather(answerJson({ results: [hostile] }), answerJson(forecast))
      assert.strictEqual((yield* call({ location: "Paris" })).location, "Paris, Île-de-France Region, Fra nce")
    }).pipe(Effect.scoped)
  )

  it.live("a forecast of another shape, or none, is a failure that names Open-Meteo", () =>
    Effect.gen(function* () {
      const odd = yield* weather(answerJson(paris), answerJson({ ...forecast, daily: { time: "today" } }))
      assert.match(yield* odd.refusal({ location: "Paris" }), /^Open-Meteo gave an answer that was not understood/)
      const limited = yield* weather(
        answerJson(paris),
        answerJson({ error: true, reason: "Minutely API request limit exceeded." }, 429)
      )
      assert.match(yield* limited.refusal({ location: "Paris" }), /^Open-Meteo is limiting requests/)
      const down = yield* weather(answerText("Bad gateway", 502), answerJson(forecast))
      assert.match(yield* down.refusal({ location: "Paris" }), /^Open-Meteo has a problem of its own/)
    }).pipe(Effect.scoped)
  )
})
