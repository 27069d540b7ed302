import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { browser, executablePath } from "../support/browser.ts"

const html = readFileSync(new URL("../../examples/tools/draw-chart.html", import.meta.url), "utf8")

describe.skipIf(executablePath === undefined)("the chart's card in a real browser", () => {
  it.live("greets its host, draws what the tool answered, and shows what looks like markup as text", () =>
    Effect.gen(function* () {
      const chromium = yield* browser
      const page = yield* Effect.promise(() => chromium.newPage())
      const complaints: Array<string> = []
      page.on("console", (message) => complaints.push(message.text()))
      page.on("pageerror", (error) => complaints.push(String(error)))
      page.on("request", (request) => complaints.push(`asked for ${request.url()}`))
      const chart = {
        title: "<b>Rain</b>",
        bars: [
          { label: "Mon", value: 2 },
          { label: "Tue", value: 4 }
        ]
      }
      // A host as SEP-1865 has it: it sends the result after the card has said that it is ready.
      const host = ({ html, chart }: { readonly html: string; readonly chart: object }) => {
        const frame = document.createElement("iframe")
        frame.setAttribute("sandbox", "allow-scripts")
        const post = (message: object) => frame.contentWindow?.postMessage({ jsonrpc: "2.0", ...message }, "*")
        addEventListener("message", ({ data: { id, method } }) => {
          if (method === "ui/initialize") post({ id, result: { protocolVersion: "2026-01-26" } })
          if (method === "ui/notifications/initialized") {
            post({ method: "ui/notifications/tool-result", params: { structuredContent: chart } })
          }
        })
        frame.srcdoc = html
        document.body.append(frame)
      }
      yield* Effect.promise(() => page.evaluate(host, { html, chart }))
      const card = page.frameLocator("iframe")
      yield* Effect.promise(() => card.locator("main div").nth(1).waitFor())
      assert.strictEqual(yield* Effect.promise(() => card.locator("h1").textContent()), chart.title)
      const widths = yield* Effect.promise(() =>
        card.locator("i").evaluateAll((bars) => bars.map((bar) => (bar as HTMLElement).style.width))
      )
      assert.deepStrictEqual(widths, ["50%", "100%"])
      assert.deepStrictEqual(complaints, [])
    }).pipe(Effect.scoped)
  )
})
