import { assert, describe, it } from "@effect/vitest"
import { html } from "../../src/html/html.ts"
import { time } from "../../src/html/time.ts"

describe("html", () => {
  it("UI5 everything put into the template is escaped, in text and in attributes, lists included", () => {
    const nasty = `<img src=x onerror="alert('1')">&`
    const told = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;"
    const { markup } = html`<a title="${nasty}">${nasty}${[nasty, html`<b>${nasty}</b>`]}</a>`
    assert.strictEqual(markup, `<a title="${told}">${told}${told}<b>${told}</b></a>`)
  })

  it("nothing is written for what is not there, and 0 for nought", () => {
    assert.strictEqual(html`${undefined}${false}${[]}${""}${0}`.markup, "0")
  })

  it("UI5 a moment is told in UTC, and to the script with its milliseconds", () => {
    assert.strictEqual(
      time(new Date("2026-01-09T03:04:05.678Z")).markup,
      '<time datetime="2026-01-09T03:04:05.678Z" data-time="recent">9 Jan 2026, 03:04 UTC</time>'
    )
  })
})
