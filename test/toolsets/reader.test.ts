import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { calculator } from "../../src/toolsets/builtin/calculator/calculator.ts"
import { fetch } from "../../src/toolsets/builtin/search/fetch.ts"
import { Reader } from "../../src/toolsets/builtin/search/Reader.ts"
import { bytesPage, type Page, testWeb } from "../support/publicWeb.ts"
import { started } from "../support/toolset.ts"

interface Answer {
  readonly title: string
  readonly text: string
  readonly metadata: { readonly truncated: string }
}

/** The tool over a web of these pages. */
const reading = Effect.fnUntraced(function* (pages: Readonly<Record<string, Page>>) {
  const web = yield* testWeb({ ...pages })
  const context = yield* Layer.build(Reader.layer.pipe(Layer.provide(web.layer)))
  return (path: string) =>
    // The tool has checked it against its own output's schema.
    Effect.provide(started(fetch, { id: web.url(path) }), context).pipe(
      Effect.map((answer) => answer as unknown as Answer)
    )
})

/** Reads one page. */
const read = (body: Uint8Array | string, type: string | undefined = "text/html; charset=utf-8") =>
  Effect.flatMap(reading({ "/": bytesPage(body, type) }), (page) => page("/"))

const STORY = "A paragraph of an article that is worth reading. ".repeat(20)
const MAX_BYTES = 2 * 1024 * 1024
/** As long as a page may be. */
const full = (piece: string, before = "", after = "") =>
  before + piece.repeat(Math.floor((MAX_BYTES - before.length - after.length) / piece.length)) + after

/** What took seconds, minutes or the process, and what might. */
const WORST: Readonly<Record<string, string>> = {
  "a wide cell": "<table><tr><td colspan=100000>x",
  "a wide and high cell": "<table><tr><td rowspan=100000 colspan=100000>x",
  "wide cells": `<table><tr>${"<td colspan=1000>x".repeat(40)}`,
  "deep boxes": full("<div>"),
  "deep lists": full("<ul><li>x"),
  "deep quotations": full("<blockquote>x"),
  "deep fonts": full("<font color=red>x"),
  "deep tables": full("<table><tr><td>x"),
  "deep articles": full("<article>x"),
  "misnested elements": full("<b><div><a>x</b></div>"),
  "titles without an end": full("<title"),
  "ends of nothing": full("</p></div>", "<div>".repeat(100_000)),
  "one huge attribute": full("display:", '<div style="'),
  "many attributes": full("a=b ", "<p "),
  "many entities": full("&amp;"),
  "only blanks": full(" ", "<pre>x", "x"),
  "only line ends": full("\n", "<pre>x", "x"),
  joiners: full("\u200d").slice(0, MAX_BYTES / 3),
  marks: full("\u0301", "x").slice(0, MAX_BYTES / 2),
  "angle brackets": full("<"),
  "open comments": full("<!--"),
  drawings: full("<svg><title>")
}

describe("fetch", () => {
  it.live(
    "F1 B1 whatever a page costs, the event loop beats on and another call is answered",
    () =>
      Effect.gen(function* () {
        const pages = Object.entries(WORST).map(([name, body], index) => ({ name, body, path: `/${index}` }))
        const page = yield* reading(
          Object.fromEntries(pages.map(({ path, body }) => [path, bytesPage(body, "text/html")]))
        )
        for (const { name, path } of pages) {
          const begun = performance.now()
          const beats = [begun]
          const answers = new Set<unknown>()
          const heart = setInterval(() => {
            beats.push(performance.now())
            answers.add(Effect.runSync(started(calculator, { expression: "1+1" })).result)
          }, 5)
          const answering = yield* Effect.forkChild(Effect.result(page(path)), { startImmediately: true })
          // An answer or a sentence, whichever: what counts is that there is one.
          const { _tag } = yield* Fiber.join(answering)
          clearInterval(heart)
          beats.push(performance.now())
          assert.include(["Success", "Failure"], _tag)
          // Not how fast it beat, but that the page's time was not one long pause. The shortest have no beat in them.
          const pauses = beats.slice(1).map((beat, index) => beat - (beats[index] ?? 0))
          const taken = performance.now() - begun
          if (taken > 500) {
            assert.isBelow(Math.max(...pauses) / taken, 0.5, name)
            assert.deepStrictEqual([...answers], ["2"], name)
          }
        }
      }).pipe(Effect.scoped),
    { timeout: 240_000 }
  )

  it.live("F1 tables keep their rows, whatever their cells say of themselves", () =>
    Effect.gen(function* () {
      const { text } = yield* read(
        `<table><caption>Sums</caption><tr><th>a<th colspan="1.5">b<tr><td colspan="-1">1<td rowspan=x>2
         <tr><td colspan=100000><p>3</p></td><td></td><td><p>4</p></td></tr></table><p>end</p>`
      )
      assert.strictEqual(text, "Sums\na | b\n1 | 2\n3 | | 4\n\nend")
    }).pipe(Effect.scoped)
  )

  it.live("F1 lists count as they say, and are drawn as deep as anybody reads", () =>
    Effect.gen(function* () {
      const { text } = yield* read(
        `<ol type="i" start="5000000"><li>a<li>b</ol><ol start="9e99"><li value=-3>c<li>d</ol>
         <ul><li>e<ul><li>f</ul><li>g</ul>${"<ul>".repeat(50)}<li>deep`
      )
      assert.strictEqual(text, `5000000. a\n5000001. b\n\n-3. c\n-2. d\n\n- e\n  - f\n- g\n\n${" ".repeat(14)}- deep`)
    }).pipe(Effect.scoped)
  )

  it.live("B1 F21 the title is the page's first, as the parser reads it, and no drawing's", () =>
    Effect.gen(function* () {
      for (const [head, title] of [
        ["<title>The &amp; page</title>", "The & page"],
        ["<svg><title>Icon</title></svg><title>Page</title>", "Page"],
        ["<TITLE class='a>b'>\n A\r\n b </TITLE ><title>Second</title>", "A b"],
        ["<title>Vec&lt;T> and <b>tags</b> are text here</title>", "Vec<T> and <b>tags</b> are text here"],
        ["<!-- <title>No</title> --><script>'<title>No</title>'</script><title>Yes</title>", "Yes"],
        ["<template><title>No</title></template><title>Yes</title>", "Yes"]
      ] as const) {
        assert.strictEqual((yield* read(`${head}<p>${STORY}`)).title, title)
      }
    }).pipe(Effect.scoped)
  )

  it.live("F7 what is read is the page's text, wherever it stands", () =>
    Effect.gen(function* () {
      for (const [name, page] of Object.entries({
        "in a form": `<form action=.>STORY<input value=no><button>no</button><select><option>no</select></form>`,
        "in what surrounds others": `<aside>STORY</aside>`,
        "beside teasers": `<article>no teaser ${"no ".repeat(90)}</article><div>STORY${STORY}</div>`,
        "without scripts": `<div id=root></div><script>no</script><noscript>STORY</noscript>`,
        "after a drawing without an end": `<svg><path><p>STORY`,
        "as plain text": `<plaintext>STORY`,
        "in a hidden body": `<body style="display:none">STORY`,
        "after a menu without an end": `<nav>STORY`
      })) {
        const { text } = yield* read(page.replace("STORY", STORY))
        assert.include(text, STORY.trim(), name)
        if (name !== "beside teasers") assert.notMatch(text, /\bno\b/, name)
      }
      const { text } = yield* read(
        `<nav>no</nav><header>no</header><main><h1>Head</h1><p>${STORY}</p></main><footer>no</footer>
         <p hidden>no<p style="color: red; display: none">no<dialog>no</dialog><template>no</template><style>no</style>`
      )
      assert.strictEqual(text, `Head\n\n${STORY.trim()}`)
    }).pipe(Effect.scoped)
  )

  it.live("F7 nothing to read is a failure with a sentence, and little of much is nothing", () =>
    Effect.gen(function* () {
      const script = `<script>${"let a = 1;".repeat(500)}</script>`
      for (const [name, page] of Object.entries({
        "an empty page": "",
        "a byte order mark": "\ufeff",
        blanks: " \n ",
        "no body": "<html><head><title>Title</title></head><body></body></html>",
        "a script": `<title>App</title><div id=root></div>${script}`,
        "a script and a notice": `<div id=root>Loading…</div>${script}`,
        "a script and a complaint": `<div id=root></div><noscript>You need to enable JavaScript.</noscript><script src=a></script>`,
        "a mere label": `${"<img src=a>".repeat(1000)}x`,
        frames: `<frameset cols="50%,50%"><frame src=a><frame src=b></frameset>`,
        "a template": `<template>${STORY}</template>`,
        "what is hidden": `<div hidden>${STORY}</div>`
      })) {
        assert.match((yield* Effect.flip(read(page))).message, /^The page (is empty|has no text)/, name)
      }
      assert.match((yield* Effect.flip(read("\0\u0001\u0002\u0003PNG"))).message, /is not text/)
      assert.match((yield* Effect.flip(read("x", "image/png"))).message, /is not text/)
      // A short page is one, too.
      assert.strictEqual((yield* read("<p>pong")).text, "pong")
    }).pipe(Effect.scoped)
  )

  it.live("F8 a page is read in the encoding that it declares, or that a browser would take", () =>
    Effect.gen(function* () {
      const utf16le = (text: string) => Buffer.from(text, "utf16le")
      const page = (declaration: string, letters: ReadonlyArray<number>) =>
        Buffer.concat([Buffer.from(`${declaration}<p>`), Buffer.from(letters), Buffer.from("</p>")])
      const privet = [0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]
      for (const [name, body, type, text] of [
        ["meta", page("<meta charset=windows-1251>", privet), "text/html", "Привет"],
        [
          "http-equiv",
          page(`<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">`, privet),
          "text/html",
          "Привет"
        ],
        [
          "meta after a long comment",
          page(`<!--${"x".repeat(5000)}--><meta charset=windows-1251>`, privet),
          "text/html",
          "Привет"
        ],
        ["XML", page(`<?xml version="1.0" encoding="windows-1251"?>`, privet), "application/xhtml+xml", "Привет"],
        ["HTTP before meta", page("<meta charset=utf-8>", privet), `text/html; Charset="windows-1251"`, "Привет"],
        ["a label unknown to all", page("<meta charset=windows-1251>", privet), "text/html; charset=x-none", "Привет"],
        [
          "gb18030",
          page("<meta charset=gb18030>", [0xc4, 0xe3, 0xba, 0xc3, 0x81, 0x30, 0x81, 0x30]),
          "text/html",
          "你好\x80".replace("\x80", "")
        ],
        [
          "iso-2022-jp",
          page("<meta charset=iso-2022-jp>", [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x1b, 0x28, 0x42]),
          "text/html",
          "日"
        ],
        ["shift_jis", page("<meta charset=shift_jis>", [0x93, 0xfa]), "text/html", "日"],
        ["a BOM before all", `\ufeff<meta charset=windows-1251><p>Привет`, "text/html; charset=koi8-r", "Привет"],
        ["UTF-16 with a BOM", utf16le("\ufeff<p>Привет"), "text/html; charset=utf-8", "Привет"],
        ["UTF-16BE with a BOM", utf16le("\ufeff<p>Привет").swap16(), "text/html", "Привет"],
        ["UTF-16 without one", utf16le("<html><body><p>Привет"), "text/html", "Привет"],
        ["UTF-16BE without one", utf16le("<html><body><p>Привет").swap16(), "text/html", "Привет"],
        ["UTF-16 that says UTF-16", utf16le("<p>Привет"), "text/html; charset=utf-16le", "Привет"],
        ["meta that says UTF-16 in ASCII", `<meta charset=utf-16><p>Привет`, "text/html", "Привет"],
        ["nothing, in UTF-8", "<p>Привет", "text/html", "Привет"],
        ["nothing, in bytes", page("", [0x93, 0xe9, 0x94]), "text/html", "“é”"],
        ["plain text in bytes", Buffer.from([0xe9, 0x80]), "text/plain", "é€"],
        ["JSON", `{"a":"Привет"}`, "application/json", `{"a":"Привет"}`],
        ["JSON with a BOM", `\ufeff{"a":"é"}`, "application/ld+json", `{"a":"é"}`],
        [
          "XML text",
          page(`<?xml version="1.0" encoding="koi8-r"?>`, [0xf0]),
          "text/xml",
          `<?xml version="1.0" encoding="koi8-r"?><p>П</p>`
        ],
        ["no type", "<p>Привет", undefined, "Привет"]
      ] as const) {
        const web = yield* reading({ "/": bytesPage(body, type) })
        assert.strictEqual((yield* web("/")).text, text, name)
      }
    }).pipe(Effect.scoped)
  )

  it.live("F9 a long text is cut at a whole character, and says so", () =>
    Effect.gen(function* () {
      for (const before of ["", "x", "xx"]) {
        const { text, metadata } = yield* read(`<p>${before}${"👨‍👩‍👧".repeat(10_000)}`)
        assert.isTrue(text.isWellFormed())
        assert.isAtMost(text.length, 60_000)
        assert.isAbove(text.length, 59_900)
        assert.strictEqual(text.slice(before.length).replaceAll("👨‍👩‍👧", ""), "")
        assert.strictEqual(metadata.truncated, "true")
      }
    }).pipe(Effect.scoped)
  )

  it.live("F21 words stay as they are: entities, joiners, line ends, what is preformatted", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* read(
          "<p>Vec&lt;T&gt; &rarr; a&nbsp;b می‌خواهم x<b>y</b>z<br>l\u202ei<wbr>ne</p><pre>\n a  b\r\n\tc\rd</pre>"
        )).text,
        "Vec<T> → a b می‌خواهم xyz\nline\n\n a  b\n\tc\nd"
      )
      assert.strictEqual(
        (yield* read("a\rb \r\nif (a<b && c>d) Vec<T> &amp;", "text/plain")).text,
        "a\nb\nif (a<b && c>d) Vec<T> &amp;"
      )
      assert.strictEqual(
        (yield* read(
          `<html><head><title/><script src="a"/></head><body><p>one<br/>two</p></body></html>`,
          "application/xhtml+xml"
        )).text,
        "one\ntwo"
      )
    }).pipe(Effect.scoped)
  )
})
