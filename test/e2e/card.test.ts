import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { weatherCard } from "../../src/toolsets/builtin/weather/card.ts"
import { browser, executablePath } from "../support/browser.ts"

const WEATHER = {
  location: "<b>Paris</b>",
  latitude: 48.85,
  longitude: 2.35,
  timezone: "Europe/Paris",
  units: { temperature: "°C", wind_speed: "km/h", precipitation: "mm" },
  current: {
    time: "2026-11-24T12:45",
    conditions: "slight rain",
    temperature: 7.4,
    apparent_temperature: 4.1,
    humidity: 81,
    precipitation: 0.3,
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
      temperature_min: null,
      precipitation: null,
      precipitation_probability: null
    }
  ]
}

/** A host of MCP Apps (SEP-1865): the card in a sandbox, what it said, and a way to speak to it. */
const hosted = Effect.fn("hosted")(function* (theme: "light" | "dark") {
  const chromium = yield* browser
  const page = yield* Effect.promise(() => chromium.newPage({ viewport: { width: 320, height: 700 } }))
  const complaints: Array<string> = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  page.on("request", (request) => complaints.push(`asked for ${request.url()}`))
  yield* Effect.promise(() =>
    page.evaluate(
      ({ html, theme }) => {
        const said: Array<unknown> = []
        const frame = document.createElement("iframe")
        frame.setAttribute("sandbox", "allow-scripts")
        frame.style.cssText = "width:100%;height:680px;border:0"
        const post = (message: object) => frame.contentWindow?.postMessage({ jsonrpc: "2.0", ...message }, "*")
        addEventListener("message", ({ source, data }) => {
          if (source !== frame.contentWindow) return
          said.push(data)
          if (data.method !== "ui/initialize") return
          const result = { protocolVersion: "2026-01-26", hostInfo: {}, hostCapabilities: {}, hostContext: { theme } }
          post({ id: data.id, result })
        })
        Object.assign(window, { said, post })
        frame.srcdoc = html
        document.body.append(frame)
      },
      { html: weatherCard.html, theme }
    )
  )
  const card = page.frameLocator("iframe")
  const post = (message: object) =>
    Effect.promise(() => page.evaluate((message) => Reflect.get(window, "post")(message), message))
  const said = Effect.promise(
    (): Promise<ReadonlyArray<{ readonly id?: number; readonly method?: string; readonly error?: unknown }>> =>
      page.evaluate(() => Reflect.get(window, "said"))
  )
  yield* Effect.promise(() => page.waitForFunction(() => Reflect.get(window, "said").length >= 3))
  return { page, card, post, said, complaints }
})

describe.skipIf(executablePath === undefined)("the weather card in a real browser", () => {
  for (const theme of ["light", "dark"] as const) {
    it.live(
      `speaks with its host, shows what the tool answered as text, and asks the network for nothing (${theme})`,
      () =>
        Effect.gen(function* () {
          const { page, card, post, said, complaints } = yield* hosted(theme)
          assert.includeMembers(
            (yield* said).map(({ method }) => method),
            ["ui/initialize", "ui/notifications/initialized", "ui/notifications/size-changed"]
          )
          const textOf = (selector: string) => Effect.promise(() => card.locator(selector).textContent())
          assert.match((yield* textOf("#status")) ?? "", /Waiting/)
          yield* post({ method: "ui/notifications/tool-input", params: { arguments: { location: "Paris" } } })
          yield* post({ method: "ui/notifications/tool-result", params: { structuredContent: WEATHER, content: [] } })
          yield* Effect.promise(() => card.locator("#weather").waitFor({ state: "visible" }))
          // Markup in a name stays text.
          assert.strictEqual(yield* textOf("h1"), "<b>Paris</b>")
          assert.match((yield* textOf(".degrees")) ?? "", /^7/)
          assert.strictEqual(yield* Effect.promise(() => card.locator("tbody tr").count()), 2)
          const folder = process.env.SCREENSHOTS
          if (folder) yield* Effect.promise(() => page.screenshot({ path: `${folder}/card-${theme}.png` }))

          yield* post({
            method: "ui/notifications/tool-result",
            params: { isError: true, content: [{ type: "text", text: "No such place." }] }
          })
          yield* Effect.promise(() => card.locator("#status.error").waitFor({ state: "visible" }))
          assert.strictEqual(yield* textOf("#status"), "No such place.")
          yield* post({ method: "ui/notifications/tool-result", params: { structuredContent: { forecast: 7 } } })
          yield* Effect.promise(() => card.getByText("cannot be shown").waitFor())

          yield* post({ id: 50, method: "ping" })
          yield* post({ id: 51, method: "ui/resource-teardown", params: {} })
          yield* post({ id: 52, method: "unheard/of" })
          yield* Effect.promise(() =>
            page.waitForFunction(() => Reflect.get(window, "said").some(({ id }: { id?: number }) => id === 52))
          )
          const answers = (yield* said).filter(({ id, method }) => method === undefined && id !== undefined)
          assert.deepStrictEqual(
            answers.map(({ id, error }) => [id, error === undefined]),
            [
              [50, true],
              [51, true],
              [52, false]
            ]
          )
          assert.deepStrictEqual(complaints, [])
        }).pipe(Effect.scoped),
      { timeout: 30_000 }
    )
  }
})
