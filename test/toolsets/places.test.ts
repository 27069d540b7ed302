import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Areas, geocoder } from "../support/geocoder.ts"
import { answerJson, answerText } from "../support/upstream.ts"
import { forecast, weather } from "../support/weather.ts"

const where = (areas?: Areas) =>
  Effect.map(weather(geocoder(areas), answerJson(forecast)), (tool) => ({
    ...tool,
    locationOf: (location: string) => Effect.map(tool.call({ location }), (answer) => answer.location)
  }))

const finds = (cases: Readonly<Record<string, string>>, areas?: Areas) =>
  Effect.gen(function* () {
    const { locationOf } = yield* where(areas)
    for (const [location, found] of Object.entries(cases)) {
      assert.strictEqual(yield* locationOf(location), found, location)
    }
  }).pipe(Effect.scoped)

describe("the place that is meant", () => {
  // Whatever the geocoder makes of an area, what comes back is checked here.
  for (const areas of ["narrow", "ignored", "literal"] as const) {
    it.live(`F2 a region or country behind a comma is kept to, where the geocoder takes it as: ${areas}`, () =>
      finds(
        {
          "Paris, TX": "Paris, Texas, United States",
          "paris , texas": "Paris, Texas, United States",
          "Paris, TX 75460": "Paris, Texas, United States",
          "Paris, Lamar": "Paris, Texas, United States",
          "Paris, 75460": "Paris, Texas, United States",
          "Portland, ME": "Portland, Maine, United States",
          "Athens, GA": "Athens, Georgia, United States",
          "Athens, Georgia": "Athens, Georgia, United States",
          "Athens, Greece": "Athens, Attica, Greece",
          "London, ON": "London, Ontario, Canada",
          "London, Ontario, Canada": "London, Ontario, Canada",
          "London, UK": "London, England, United Kingdom",
          "St. Petersburg, FL": "St. Petersburg, Florida, United States",
          "Springfield, IL": "Springfield, Illinois, United States",
          "New York, NY, USA": "New York, United States",
          "New York, NY, U.S.A.": "New York, United States",
          "Washington, DC": "Washington, Washington, D.C., United States",
          "Washington, D.C.": "Washington, Washington, D.C., United States",
          "Perth, WA": "Perth, Western Australia, Australia",
          "Vancouver, WA": "Vancouver, Washington, United States",
          "Vancouver, BC": "Vancouver, British Columbia, Canada",
          "San Juan, PR": "San Juan, Puerto Rico",
          "San Juan, PR, USA": "San Juan, Puerto Rico",
          "Paris, France": "Paris, Île-de-France Region, France",
          "Paris, Ile-de-France": "Paris, Île-de-France Region, France",
          "Paris, Frankreich": "Paris, Île-de-France Region, France",
          "Paris, ": "Paris, Île-de-France Region, France",
          "São Paulo, São Paulo, Brasil": "São Paulo, State of São Paulo, Brazil",
          "Zürich, CH": "Zurich, Canton of Zurich, Switzerland",
          "Warszawa, OH": "Warszawa, Ohio, United States",
          "東京、日本": "東京, 東京都, 日本",
          "Tokyo，Japan": "Tokyo, Japan"
        },
        areas
      )
    )

    it.live(`F2 when no place fits what was said, the places of that name are told (${areas})`, () =>
      Effect.gen(function* () {
        const { refusal, forecasts } = yield* where(areas)
        assert.strictEqual(
          yield* refusal({ location: "Paris, Germany" }),
          'No place called "paris" was found in "germany". There are: Paris, Île-de-France Region, France; ' +
            "Paris, Texas, United States; Paris, Ontario, Canada."
        )
        assert.match(yield* refusal({ location: "Paris, TX, Canada" }), /in "tx, canada"\. There are: Paris, /)
        assert.match(yield* refusal({ location: "London, Warszawa" }), /There are: London, England/)
        assert.strictEqual(forecasts.asked.length, 0)
      }).pipe(Effect.scoped)
    )
  }

  it.live("F2 a name in another script or language is asked for in it", () =>
    finds({
      東京: "東京, 東京都, 日本",
      Москва: "Москва, Россия",
      القاهرة: "القاهرة, مصر",
      "القاهرة، مصر": "القاهرة, مصر",
      "Москва, Russia": "Москва, Россия",
      "Köln, DE": "Köln, Nordrhein-Westfalen, Deutschland",
      "München, Bayern": "München, Bayern, Deutschland"
    })
  )

  it.live("F2 a namesake that nobody knows gives way to a place that is far better known in its own language", () =>
    finds({
      Warszawa: "Warszawa, Mazowieckie, Polska",
      "Warszawa, Poland": "Warszawa, Mazowieckie, Polska",
      "Warszawa, Ohio": "Warszawa, Ohio, United States",
      Roma: "Roma, Lazio, Italia",
      "Roma, Texas": "Roma, Texas, United States",
      Köln: "Köln, Nordrhein-Westfalen, Deutschland"
    })
  )

  it.live("F2 a well-known name, a postal code and a last word that is an area need no comma", () =>
    Effect.gen(function* () {
      const { locationOf, places } = yield* where()
      assert.strictEqual(yield* locationOf("Springfield"), "Springfield, Missouri, United States")
      assert.strictEqual(yield* locationOf("Georgia"), "Georgia")
      assert.strictEqual(yield* locationOf("Zürich"), "Zurich, Canton of Zurich, Switzerland")
      assert.strictEqual(yield* locationOf("são paulo"), "São Paulo, State of São Paulo, Brazil")
      assert.strictEqual(yield* locationOf("90210"), "Beverly Hills, California, United States")
      assert.strictEqual(yield* locationOf("75460, US"), "Paris, Texas, United States")
      // Each was clear at once.
      assert.strictEqual(places.asked.length, 6)
      assert.strictEqual(yield* locationOf("Paris TX"), "Paris, Texas, United States")
      assert.strictEqual(yield* locationOf("Beverly Hills"), "Beverly Hills, California, United States")
    }).pipe(Effect.scoped)
  )

  it.live("F2 commas alone, or more areas than there are, name no place, and nothing is asked", () =>
    Effect.gen(function* () {
      const { refusal, places } = yield* where()
      for (const location of [",".repeat(100), " , ", "a,".repeat(50), "...", "\u0301"]) {
        assert.match(yield* refusal({ location }), /^Give a place by its name/, location)
      }
      assert.strictEqual(places.asked.length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("F2 a malformed candidate costs itself only", () =>
    Effect.gen(function* () {
      const good = {
        name: "Oslo",
        latitude: 59.9,
        longitude: 10.7,
        country: "Norway",
        admin1: null,
        population: 580000
      }
      const bad = [null, 7, "Oslo", {}, { ...good, latitude: 91 }, { ...good, name: 7 }, { ...good, admin1: {} }]
      const { call } = yield* weather(answerJson({ results: [...bad, good] }), answerJson(forecast))
      assert.strictEqual((yield* call({ location: "Oslo" })).location, "Oslo, Norway")
    }).pipe(Effect.scoped)
  )

  it.live("F2 an answer that cannot be had in the second language is a failure, not the namesake", () =>
    Effect.gen(function* () {
      const ohio = answerJson({ results: [{ name: "Warszawa", latitude: 41, longitude: -81, admin1: "Ohio" }] })
      const { refusal } = yield* weather(
        (asked, response) =>
          (asked.url.searchParams.get("language") === "en" ? ohio : answerText("no", 403))(asked, response),
        answerJson(forecast)
      )
      assert.match(yield* refusal({ location: "Warszawa" }), /^Open-Meteo refused/)
    }).pipe(Effect.scoped)
  )

  it.live("F2 what is sent is one name with one area, in a bounded number of requests", () =>
    Effect.gen(function* () {
      const { refusal, places } = yield* where()
      yield* refusal({ location: "Nowhere At All, Some, Other, Area" })
      assert.strictEqual(places.asked[0]?.url.searchParams.get("name"), "nowhere at all, some")
      assert.isAtMost(places.asked.length, 10)
      for (const { url } of places.asked) assert.strictEqual(url.pathname, "/v1/search")
    }).pipe(Effect.scoped)
  )
})
