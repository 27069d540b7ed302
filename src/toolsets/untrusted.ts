/** Text and links that others wrote, made fit to be read by a model or a person. */

import { decodeHTMLStrict } from "entities"

const MAX_URL = 2048
/** Markup may outweigh its text, up to here: what is longer is cut before any work is done on it. */
const MAX_SOURCE = 16_384

/** What search services mark their hits up with. Whatever else stands in angle brackets is text: `Vec<T>`. */
const ELEMENTS = new Set(
  (
    "a abbr address article aside audio b base bdi bdo big blockquote body br button canvas caption center cite code col " +
    "dd del details dfn dialog div dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 " +
    "h5 h6 head header hr html i iframe img input ins kbd label legend li link main mark math menu meta nav noscript " +
    "object ol optgroup option p param picture pre q rp rt ruby s samp script section select small source span strike " +
    "strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var " +
    "video wbr"
  ).split(" ")
)
/** A tag in full, its attributes well formed and everything bounded: `a<b && c>d` is none. */
const TAG =
  /<(\/?)([a-z][a-z0-9]{0,15})(?:\s{1,9}[a-z_:-][\w:.-]{0,60}(?:\s{0,4}=\s{0,4}(?:"[^"<>]{0,500}"|'[^'<>]{0,500}'|[^\s"'<>`]{1,500}))?){0,12}\s{0,9}\/?>/gi
const COMMENT = /<!(?:--[\s\S]{0,500}?--|(?:doctype|\[cdata)[^<>]{0,200})>/gi

/** Control and format characters, private use, lone surrogates, and whatever else a person does not see. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu
const UNSEEN = /[[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]--[\n\t]]/gv
/** Format characters that are seen: Arabic and other signs that enclose the number after them. */
const SEEN = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u
/** Scripts in which a joiner, or a non-joiner, changes how a word is written. */
const AFTER_JOINING =
  /(?:[\p{scx=Arab}\p{scx=Syrc}\p{scx=Nkoo}\p{scx=Mand}\p{scx=Mong}\p{scx=Adlm}\p{scx=Rohg}\p{scx=Phag}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Tibt}](?<=[\p{L}\p{M}]))$/u
const AFTER_EMOJI = /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)$/u
const BEFORE_EMOJI = /^\p{Extended_Pictographic}/u
const AFTER_MONGOLIAN = /[\u1820-\u18aa]$/

/** A model may obey what a person does not see, so it goes; a joiner stays where it joins letters or emoji. */
const seen = (character: string, at: number, text: string): string => {
  const before = text.slice(Math.max(0, at - 2), at)
  switch (character) {
    case "\n":
    case "\t":
      return character
    case "\u200c":
      return AFTER_JOINING.test(before) ? character : ""
    case "\u200d":
      return AFTER_JOINING.test(before) || (AFTER_EMOJI.test(before) && BEFORE_EMOJI.test(text.slice(at + 1, at + 3)))
        ? character
        : ""
    case "\ufe0e":
    case "\ufe0f":
      return /\p{Extended_Pictographic}$/u.test(before) || (/[0-9#*]$/.test(before) && text[at + 1] === "\u20e3")
        ? character
        : ""
    case "\u180b":
    case "\u180c":
    case "\u180d":
    case "\u180f":
      return AFTER_MONGOLIAN.test(before) ? character : ""
    default:
      return SEEN.test(character) ? character : ""
  }
}

/**
 * Sequences that a terminal obeys (ECMA-48: CSI, and OSC with its end), each bounded: Node's own `stripVTControlCharacters` takes time
 * by the square of how many begin and do not end.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what they begin with
const ESCAPES = /\u001b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]|\][^\u0007\u001b]{0,512}(?:\u0007|\u001b\\))/g
/** Nobody's writing has more of them in one text: they are taken out without a look at what stands around each. */
const MOST_JUDGED = 2000

/** Text as it stands, without what a person does not see: nor escapes that colour a terminal. */
export const visible = (text: string): string => {
  const plain = text.replace(ESCAPES, "")
  let count = 0
  for (const _ of plain.matchAll(UNSEEN)) if (++count > MOST_JUDGED) return plain.replace(UNSEEN, "")
  return plain.replace(INVISIBLE, seen)
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })
const LOW_SURROGATE = /^[\udc00-\udfff]$/
const FLAG_LETTER = /^[\u{1f1e6}-\u{1f1ff}]$/u
/** How far a cut looks around itself: longer clusters are nobody's writing. */
const AROUND = 64

/** The beginning of a text, at most `length` long, that ends with a whole character, as people see characters. */
export const cut = (text: string, length: number): string => {
  if (text.length <= length) return text
  let from = Math.max(0, length - AROUND)
  if (LOW_SURROGATE.test(text.charAt(from))) from--
  // Two letters make a flag, so what they make depends on where their row begins.
  let row = from
  while (row > 1 && FLAG_LETTER.test(text.slice(row - 2, row))) row -= 2
  if ((from - row) % 4 === 2) from -= 2
  const index = from + (graphemes.segment(text.slice(from, length + AROUND)).containing(length - from)?.index ?? 0)
  // Only the cluster that was looked at from its beginning is known; otherwise no half of a code point is enough.
  const end = index > from || from === 0 ? index : length
  return text.slice(0, end > 0 ? end : length).replace(/[\ud800-\udbff]$/, "")
}

/** One line that is text already, without what is invisible, cut at `length`. */
export const oneLine = (text: string, length: number): string => {
  const line = text
    .slice(0, MAX_SOURCE)
    .replace(/(?:(?!\ufeff)[\s\u0085])+/g, " ")
    .replace(INVISIBLE, seen)
    // What was taken away may have stood between two of them.
    .replace(/ {2,}/g, " ")
    .trim()
  if (line.length <= length && text.length <= MAX_SOURCE) return line
  return `${cut(line, length - 1).trimEnd()}…`
}

/** What may be HTML as text: no tags, entities read, no invisible characters, one line, cut at `length`. */
export const plainText = (text: string, length: number): string => {
  const source = text.slice(0, MAX_SOURCE).replace(COMMENT, "")
  // `Option<B>` is text unless a `</B>` stands there too; services write their tags small.
  const closed = new Set(Array.from(source.matchAll(TAG), ([, slash, name]) => (slash === "/" ? name : undefined)))
  const plain = source.replace(TAG, (tag, slash: string, name: string) =>
    ELEMENTS.has(name.toLowerCase()) && (slash === "/" || name === name.toLowerCase() || closed.has(name)) ? "" : tag
  )
  const line = oneLine(decodeHTMLStrict(plain), length)
  return text.length > MAX_SOURCE && !line.endsWith("…") ? `${cut(line, length - 1)}…` : line
}

/** Lines of text, without what is invisible, cut at `length`. */
export const plainLines = (text: string, length: number): { readonly text: string; readonly isCut: boolean } => {
  const whole = text
    .replace(/\r\n?|[\v\f\u0085\u2028\u2029]/g, "\n")
    .replace(INVISIBLE, seen)
    .replaceAll("\u00a0", " ")
    .split("\n")
    // A regular expression for the blanks before a line's end would look at each of them from each of them.
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .replace(/^\n+/, "")
    .trimEnd()
  return { text: cut(whole, length).trimEnd(), isCut: whole.length > length }
}

/** A link for people to follow: http or https, in the one spelling of the URL standard. */
export const webUrl = (text: string): string | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:"
  return isWeb && url.username === "" && url.password === "" && url.href.length <= MAX_URL ? url.href : undefined
}
