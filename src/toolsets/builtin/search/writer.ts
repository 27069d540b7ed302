/** Text as it is laid out: words, lines, the marks of lists and quotations. It keeps no more than where it stands. */

import { DISTANCE, PREFORMATTED } from "./elements.ts"

/** How deep lists and quotations are drawn; what is nested deeper stands where these do. */
const MAX_INDENT = 8
const MAX_QUOTE = 4
/** As a browser counts. */
const MAX_NUMBER = 2 ** 31 - 1

interface List {
  readonly isOrdered: boolean
  next: number
}

/** A row of a table, as long as it is one line. */
interface Row {
  readonly isLine: boolean
  /** Whether a cell was met, and whether one has text. */
  readonly isBegun: boolean
  readonly hasText: boolean
  /** Whether the cell that is open has no text yet. */
  readonly isFresh: boolean
  /** How many cells were begun since the last text. */
  readonly cells: number
}
const NEW_ROW: Row = { isLine: true, isBegun: false, hasText: false, isFresh: false, cells: 0 }
const NO_ROW: Row = { ...NEW_ROW, isLine: false }

export const writer = () => {
  const written: Array<string> = []
  let length = 0
  /** Line ends, and whether a blank, to be written before the next word. */
  let breaks = 0
  let isSpaced = false
  let marker: string | undefined
  const lists: Array<List> = []
  let quotes = 0
  let preformatted = 0
  let row = NO_ROW

  const push = (text: string) => {
    written.push(text)
    length += text.length
  }

  const word = (text: string) => {
    const isFirst = length === 0
    if (!isFirst && breaks > 0) {
      push("\n".repeat(breaks))
      if (row.hasText) row = NO_ROW
    }
    if (isFirst || breaks > 0) {
      push("> ".repeat(Math.min(quotes, MAX_QUOTE)))
      const indent = "  ".repeat(Math.min(lists.length, MAX_INDENT))
      push(marker === undefined ? indent : indent.slice(2) + marker)
      marker = undefined
      if (row.isLine) push("| ".repeat(row.cells))
    } else if (row.isLine && row.cells > 0) {
      push(" |".repeat(row.cells))
      push(" ")
    } else if (isSpaced) push(" ")
    if (row.isLine) row = { ...row, cells: 0, hasText: true, isFresh: false }
    breaks = 0
    isSpaced = false
    push(text)
  }

  const block = (distance: number) => {
    isSpaced = false
    // What begins a cell begins its row's line, or goes on in it.
    if (row.isLine && row.isFresh) return
    breaks = Math.max(breaks, lists.length > 0 ? Math.min(distance, 1) : distance)
  }

  const enterCell = () => {
    isSpaced = false
    if (!row.isLine) return block(1)
    if (row.hasText) breaks = 0
    row = { ...row, cells: row.isBegun ? row.cells + 1 : 0, isBegun: true, isFresh: true }
  }

  return {
    length: () => length,
    toString: () => written.join(""),
    block,
    lineBreak: () => {
      isSpaced = false
      breaks = Math.min(breaks + 1, 2)
    },
    enterList: (isOrdered: boolean, start: string | undefined) => {
      lists.push({ isOrdered, next: numberOf(start) ?? 1 })
    },
    leaveList: () => {
      lists.pop()
      marker = undefined
    },
    enter: (name: string, attributes: ReadonlyMap<string, string>) => {
      if (name === "td" || name === "th") return enterCell()
      block(DISTANCE.get(name) ?? 0)
      if (name === "tr") row = NEW_ROW
      if (name === "blockquote") quotes++
      if (PREFORMATTED.has(name)) preformatted++
      const list = lists.at(-1)
      if (name === "li") {
        const number = numberOf(attributes.get("value")) ?? list?.next ?? 1
        if (list !== undefined) list.next = Math.min(number + 1, MAX_NUMBER)
        marker = list?.isOrdered ? `${number}. ` : "- "
      }
    },
    leave: (name: string) => {
      if (name === "blockquote") quotes--
      if (PREFORMATTED.has(name)) preformatted--
      if (name === "tr" || name === "table") row = NO_ROW
      block(DISTANCE.get(name) ?? 0)
    },
    text: (text: string) => {
      if (preformatted > 0) {
        for (const [index, line] of text.split(/\r\n?|\n/).entries()) {
          if (index > 0) breaks++
          if (line !== "") word(line)
        }
        return
      }
      const words = text.replace(/[\s\u00a0]+/g, " ")
      const trimmed = words.trim()
      if (words.startsWith(" ")) isSpaced = true
      if (trimmed === "") return
      word(trimmed)
      isSpaced = words.endsWith(" ")
    }
  }
}

/** As HTML reads an integer, within what a browser counts. */
const numberOf = (text: string | undefined) => {
  const digits = /^\s{0,9}([+-]?\d{1,12})/.exec(text ?? "")?.[1]
  return digits === undefined ? undefined : Math.max(-MAX_NUMBER, Math.min(Number(digits), MAX_NUMBER))
}
