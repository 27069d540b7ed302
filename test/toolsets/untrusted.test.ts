import { assert, describe, it } from "@effect/vitest"
import { cut, oneLine, plainLines, plainText } from "../../src/toolsets/untrusted.ts"

const isWhole = (text: string) => text.isWellFormed()

describe("untrusted text", () => {
  it("F21 what looks like a tag and is none stays", () => {
    for (const text of [
      "Vec<T> and HashMap<String, Vec<u8>>",
      "if (a<b && c>d) return",
      "Option<B> of the crate",
      "x < y > z",
      "a <- b -> c <=> d",
      "<T extends object>",
      "I <3 this"
    ]) {
      assert.strictEqual(plainText(text, 200), text)
    }
  })

  it("F21 MC15 markup goes, also in capitals, with attributes or without its other half", () => {
    for (const [markup, text] of [
      ["<b>x</b> y", "x y"],
      ['an <span class="searchmatch">effect</span>', "an effect"],
      ["<B>x</B> y", "x y"],
      ["cut <strong>off", "cut off"],
      ["</em>begun", "begun"],
      ["a<br/>b<BR >c</BR>", "abc"],
      ["x<!-- hidden -->y", "xy"],
      ["<img src=x onerror='alert(1)'>z", "z"],
      ["<a href=https://x.example/?a=1&b=2 target=_blank>z</a>", "z"]
    ] as const) {
      assert.strictEqual(plainText(markup, 200), text)
    }
  })

  it("F21 entities are read once, all that HTML names, in their own case", () => {
    assert.strictEqual(
      plainText("&Eacute;&eacute; &rarr; &#8364;&#x20ac; &lt;b&gt; &amp;lt; &#150; ?a=1&copy=2 &nosuch;", 200),
      "Éé → €€ <b> &lt; – ?a=1&copy=2 &nosuch;"
    )
  })

  it("F21 joiners stay where they join letters or emoji, selectors where they choose an emoji", () => {
    for (const text of ["می‌خواهم", "क्‍ष", "ශ්‍රී", "👨‍👩‍👧 👩🏽‍🚀 🏳️‍🌈 ❤️‍🔥", "1️⃣ ☎︎", "\u06dd12"]) {
      assert.strictEqual(plainText(text, 200), text)
      assert.strictEqual(plainLines(text, 200).text, text)
    }
  })

  it("F21 MC15 what people do not see and models may obey goes", () => {
    const hidden = "\u202e\u2066\u200b\u2060\ufeff\u00ad\u034f\u3164\u{e0041}\u{e01ef}\u{e0fff}\ue000\u0000\u001b"
    assert.strictEqual(plainText(`a${hidden}b`, 200), "ab")
    assert.strictEqual(plainLines(`a${hidden}b`, 200).text, "ab")
    // Joiners and selectors that join and select nothing can carry a message, too.
    assert.strictEqual(plainText("a\u200d\u200cb\ufe0f\ufe00 😀\ufe00\ufe01\u{e0101}\u200d x", 200), "ab 😀 x")
    assert.strictEqual(plainText("می\u200c\u200c\u200dخ", 200), "می\u200cخ")
    assert.strictEqual(plainText("a\ud800b\udc00c", 200), "abc")
  })

  it("F21 whatever ends a line ends it", () => {
    assert.strictEqual(plainLines("a\rb\r\nc\u2028d\u0085e\ff", 200).text, "a\nb\nc\nd\ne\nf")
    assert.strictEqual(plainText("a\rb\u0085c", 200), "a b c")
  })

  it("F9 a cut leaves whole characters, as people see them, and never half of a code point", () => {
    for (const cluster of ["😀", "👨‍👩‍👧‍👦", "🇩🇪", "e\u0301", "नि", "👍🏽"]) {
      for (let length = 1; length < 40; length++) {
        const text = cut(cluster.repeat(40), length)
        assert.isAtMost(text.length, length)
        assert.isTrue(isWhole(text))
        if (length >= cluster.length) assert.strictEqual(text.replaceAll(cluster, ""), "", `${cluster} at ${length}`)
        assert.isTrue(isWhole(plainText(cluster.repeat(40), length)))
        assert.isTrue(isWhole(oneLine(`x${cluster.repeat(40)}`, length)))
      }
    }
    const far = cut("🇩🇪".repeat(20_000), 60_001)
    assert.strictEqual(far.replaceAll("🇩🇪", ""), "")
    // A cluster without an end is cut all the same.
    assert.lengthOf(cut(`a${"\u0301".repeat(100_000)}`, 500), 500)
    assert.isTrue(isWhole(cut("\u{e0100}".repeat(1000), 501)))
  })

  it("F9 what was cut says so, and keeps to its length", () => {
    for (const text of [
      "x".repeat(500),
      "😀".repeat(500),
      "x ".repeat(500),
      `${"<b>".repeat(50_000)}x`,
      "x".repeat(50_000)
    ]) {
      assert.isAtMost(plainText(text, 200).length, 200)
      assert.match(plainText(text, 200), /…$/)
    }
  })

  it("B1 no expression looks at each place from each place: megabytes of the worst are done", {
    timeout: 60_000
  }, () => {
    const million = 1024 * 1024
    for (const piece of [
      "<a ",
      "<",
      "<a b='",
      "<!--",
      "&",
      "&#",
      "&#x0",
      " ",
      "\n ",
      "\u200d",
      "a\u200d",
      "<b x=",
      "</",
      " \t"
    ]) {
      const text = piece.repeat(million / piece.length)
      assert.isAtMost(plainText(text, 500).length, 500)
      assert.isAtMost(plainLines(`a${text}b`, 500).text.length, 500)
    }
  })
})
