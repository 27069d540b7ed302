/**
 * HTML as text, in one pass over its tags. There is no tree, no grid and no recursion: whatever a page nests, spans or
 * leaves open, the work is proportional to its length.
 */

import { Tokenizer } from "htmlparser2"
import { BLOCKS, CELLS, INVISIBLE_ELEMENTS, LISTS, LOOSE, VOID } from "./elements.ts"
import { writer } from "./writer.ts"

/** A text that a page may be read as, made when it is asked for. */
export interface Candidate {
  readonly text: () => string
  /** Whether it may be the page's though it is short. */
  readonly mayBeShort: boolean
}

/** What surrounds an article. */
const CHROME = ["nav", "footer", "aside"]
/** What a browser shows without scripts: more often a complaint than the page. */
const FALLBACK = ["noscript"]
/** The share of the whole that an element has to hold to be the page's article, and no teaser beside it. */
const MAIN_PART = 0.6
/** Articles in articles are weighed up to here, so that no text is weighed more often. */
const MAX_NESTED_PARTS = 3
const MAX_TITLE_SOURCE = 1000

/** A page's title, and what it may be read as, the best first. */
export const readHtml = (source: string, isXhtml: boolean) => {
  const page = walk(source, isXhtml, new Set([...CHROME, ...FALLBACK]))
  const others = page.hasSkipped
    ? [
        // A page that stands in what surrounds others.
        { text: () => walk(source, isXhtml, new Set(FALLBACK)).text, mayBeShort: true },
        { text: () => walk(source, isXhtml, new Set()).text, mayBeShort: false }
      ]
    : []
  const candidates: ReadonlyArray<Candidate> = [{ text: () => mainPart(page), mayBeShort: true }, ...others]
  return { title: page.title, hasScripts: page.hasScripts, candidates }
}

/** The smallest article or main element that holds most of the text, or else everything. */
const mainPart = ({ text, parts }: Walked) => {
  const whole = ink(text)
  const texts = parts.map(({ start, end }) => text.slice(start, end))
  const [best] = texts.filter((part) => ink(part) >= whole * MAIN_PART).sort((a, b) => a.length - b.length)
  return best ?? text
}

/** How much of a text is not blank. */
const ink = (text: string) => text.length - (text.match(/\s/g)?.length ?? 0)

interface Part {
  readonly start: number
  end: number
}

interface Walked {
  readonly title: string
  readonly text: string
  readonly hasScripts: boolean
  /** Whether something of `skipped` was there. */
  readonly hasSkipped: boolean
  /** Where articles and main elements are in the text. */
  readonly parts: ReadonlyArray<Part>
}

interface Open {
  readonly name: string
  readonly isBlock: boolean
  readonly isSkipped: boolean
  /** How many cells, tables and lists it stands in: an end tag in one of them closes nothing outside it. */
  readonly cells: number
  readonly tables: number
  readonly lists: number
  readonly part: Part | undefined
  isOpen: boolean
}

/** Attributes that tell what is shown and how; the others are not looked at. */
const ATTRIBUTES = new Set(["hidden", "style", "role", "start", "value", "open"])
const MAX_ATTRIBUTE = 500

const walk = (source: string, isXhtml: boolean, skipped: ReadonlySet<string>): Walked => {
  const out = writer()
  const stack: Array<Open> = []
  const byName = new Map<string, Array<Open>>()
  const parts: Array<Part> = []
  const count = { skipped: 0, cells: 0, tables: 0, lists: 0, foreign: 0, parts: 0 }
  let title: string | undefined
  let isTitle = false
  let hasScripts = false
  let hasSkipped = false

  let tag = ""
  let attribute: string | undefined
  let attributes = new Map<string, string>()

  const topOf = (name: string) => byName.get(name)?.at(-1)
  const isAbove = (name: string) => topOf(name) !== undefined

  const leave = (open: Open) => {
    const { name, isBlock, isSkipped, part } = open
    open.isOpen = false
    byName.get(name)?.pop()
    if (name === "title") isTitle = false
    if (CELLS.has(name)) count.cells--
    if (name === "table") count.tables--
    if (name === "svg" || name === "math") count.foreign--
    if (part !== undefined) {
      part.end = out.length()
      count.parts--
    }
    if (LISTS.has(name)) {
      count.lists--
      if (name !== "dl") out.leaveList()
    }
    if (isSkipped) count.skipped--
    else if (count.skipped === 0 && isBlock) out.leave(name)
  }

  /** Closes an element, and what is still open in it; each is left once, however many end tags there are. */
  const close = (open: Open) => {
    if (!open.isBlock) {
      leave(open)
    } else {
      while (open.isOpen) {
        const last = stack.pop()
        if (last === undefined) break
        if (last.isOpen) leave(last)
      }
    }
    while (stack.at(-1)?.isOpen === false) stack.pop()
  }

  /** What a start tag closes though nobody wrote its end tag. */
  const imply = (name: string) => {
    // A paragraph of HTML ends drawings, which have none.
    const svg = topOf("svg")
    if (svg !== undefined && BLOCKS.has(name) && !isAbove("foreignobject")) close(svg)
    if (BLOCKS.has(name)) {
      const paragraph = topOf("p")
      if (paragraph !== undefined && paragraph.cells === count.cells) close(paragraph)
    }
    for (const sibling of LOOSE.get(name) ?? []) {
      const open = topOf(sibling)
      if (open !== undefined && open.lists === count.lists && open.tables === count.tables) close(open)
    }
  }

  const enter = (name: string, isClosed: boolean) => {
    imply(name)
    if (name === "br") return count.skipped === 0 ? out.lineBreak() : undefined
    if (name === "hr" && count.skipped === 0) return out.block(2)
    if (VOID.has(name)) return
    if (name === "script") hasScripts = true
    if (skipped.has(name)) hasSkipped = true
    const isBlock = BLOCKS.has(name) || INVISIBLE_ELEMENTS.has(name) || skipped.has(name)
    const isSkipped = INVISIBLE_ELEMENTS.has(name) || skipped.has(name) || isHidden(name, attributes)
    // An inline element matters only if it is hidden, or if its end tag could be taken for that of one that is.
    if (!isBlock && !isSkipped && !isAbove(name)) return
    const isPart = name === "article" || name === "main" || attributes.get("role") === "main"
    const part =
      isPart && count.skipped === 0 && count.parts < MAX_NESTED_PARTS && !isSkipped
        ? { start: out.length(), end: 0 }
        : undefined
    if (part !== undefined) {
      parts.push(part)
      count.parts++
    }
    if (!isSkipped && count.skipped === 0 && isBlock) out.enter(name, attributes)
    const { cells, tables, lists } = count
    const open: Open = { name, isBlock, isSkipped, cells, tables, lists, part, isOpen: true }
    if (name === "title" && count.skipped === 0 && title === undefined) {
      title = ""
      isTitle = true
    }
    if (isSkipped) count.skipped++
    if (CELLS.has(name)) count.cells++
    if (name === "table") count.tables++
    if (name === "svg" || name === "math") count.foreign++
    if (LISTS.has(name)) {
      count.lists++
      if (name !== "dl") out.enterList(name === "ol", attributes.get("start"))
    }
    stack.push(open)
    const same = byName.get(name)
    if (same === undefined) byName.set(name, [open])
    else same.push(open)
    if (isClosed) close(open)
  }

  const exit = (name: string) => {
    const open = topOf(name)
    if (name === "br" && count.skipped === 0) out.lineBreak()
    else if (open === undefined) {
      if (name === "p" && count.skipped === 0) out.block(2)
    } else if (
      name === "table" ||
      (CELLS.has(name) || LOOSE.has(name) ? open.tables === count.tables : open.cells === count.cells)
    ) {
      close(open)
    }
  }

  const say = (text: string) => {
    if (isTitle) title = ((title ?? "") + text).slice(0, MAX_TITLE_SOURCE)
    else if (count.skipped === 0) out.text(text)
  }

  const tokenizer = new Tokenizer(
    { recognizeSelfClosing: isXhtml },
    {
      onopentagname: (start, end) => {
        tag = source.slice(start, end).toLowerCase()
        if (attributes.size > 0) attributes = new Map()
      },
      onattribname: (start, end) => {
        const name = end - start > 8 ? "" : source.slice(start, end).toLowerCase()
        attribute = ATTRIBUTES.has(name) && !attributes.has(name) ? name : undefined
        if (attribute !== undefined) attributes.set(attribute, "")
      },
      onattribdata: (start, end) => {
        if (attribute === undefined) return
        const value = (attributes.get(attribute) ?? "") + source.slice(start, Math.min(end, start + MAX_ATTRIBUTE))
        attributes.set(attribute, value.slice(0, MAX_ATTRIBUTE))
      },
      onattribentity: () => {},
      onattribend: () => {
        attribute = undefined
      },
      onopentagend: () => enter(tag, false),
      onselfclosingtag: () => enter(tag, isXhtml || count.foreign > 0 || tag === "svg" || tag === "math"),
      onclosetag: (start, end) => exit(source.slice(start, end).toLowerCase()),
      ontext: (start, end) => say(source.slice(start, end)),
      ontextentity: (codePoint) => say(String.fromCodePoint(codePoint)),
      oncdata: (start, end, offset) => say(source.slice(start, end - offset)),
      oncomment: () => {},
      ondeclaration: () => {},
      onprocessinginstruction: () => {},
      onend: () => {},
      isInForeignContext: () => count.foreign > 0
    }
  )
  tokenizer.write(source)
  tokenizer.end()
  while (stack.length > 0) {
    const last = stack.pop()
    if (last?.isOpen) leave(last)
  }
  return { title: title ?? "", text: out.toString(), hasScripts, hasSkipped, parts }
}

/** What a page says that it does not show. Its root is often hidden until a script runs that does not run here. */
const isHidden = (name: string, attributes: ReadonlyMap<string, string>) => {
  if (name === "html" || name === "body") return false
  if (name === "dialog" && !attributes.has("open")) return true
  const hidden = attributes.get("hidden")
  return (
    (hidden !== undefined && hidden.toLowerCase() !== "until-found") ||
    /display\s{0,9}:\s{0,9}none/i.test(attributes.get("style") ?? "")
  )
}
