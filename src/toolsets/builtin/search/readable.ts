/** What a web server answered, as text to read: pure, so that it can run anywhere, and heavy, so that it runs aside. */

import { oneLine, plainLines } from "../../untrusted.ts"
import { decode } from "./decode.ts"
import { readHtml } from "./html.ts"
import { MAX_TEXT } from "./limits.ts"

const MAX_TITLE = 200
/** Less than this is a notice or a menu, if it comes with much more that is not text. */
const LITTLE = 200
/** How many characters of a page its text may stand among. */
const MUCH = 1000
/** As `MUCH`, of a page whose scripts may be about to write it. */
const MUCH_WITH_SCRIPTS = 50
/** A page of this length is small in any case. */
const SMALL = 512

export interface Page {
  readonly body: Uint8Array<ArrayBuffer>
  /** As HTTP says it. */
  readonly type: string | undefined
}

/** An article, or why there is none. */
export type Readable =
  | { readonly title: string; readonly text: string; readonly isCut: boolean }
  | { readonly refusal: string }

const TEXT = /^(text\/|application\/([\w.+-]+\+)?(json|xml)$)/

/** The text of a page. What has none that is worth reading is refused with a sentence. */
export const readable = ({ body, type }: Page): Readable => {
  const [essence = "", ...parameters] = (type ?? "").split(";")
  const media = essence.trim().toLowerCase()
  if (media !== "" && !TEXT.test(media)) return { refusal: "The page is not text." }
  const charset = parameters
    .map((parameter) => /^\s*charset\s*=\s*["']?([^\s"']+)/i.exec(parameter)?.[1])
    .find((label) => label !== undefined)
  const source = decode(body, charset, media === "" || /html|xml/.test(media))
  if (isNoise(source)) return { refusal: "The page is not text." }
  const isHtml = media === "" ? /^\s*</.test(source) : media.includes("html")
  if (!isHtml) {
    const lines = plainLines(source, MAX_TEXT)
    return lines.text === "" ? { refusal: "The page is empty." } : { title: "", ...lines }
  }
  if (source.trim() === "") return { refusal: "The page is empty." }
  const page = readHtml(source, media.includes("xhtml"))
  const much = page.hasScripts ? MUCH_WITH_SCRIPTS : MUCH
  for (const { text, mayBeShort } of page.candidates) {
    const lines = plainLines(text(), MAX_TEXT)
    const isProportionate = lines.text !== "" && source.length <= Math.max(SMALL, lines.text.length * much)
    if (lines.text.length >= LITTLE || (mayBeShort && isProportionate)) {
      return { title: oneLine(page.title, MAX_TITLE), ...lines }
    }
  }
  return { refusal: "The page has no text, or next to none, that could be read without running its scripts." }
}

/** Whether a tenth of a text is no text: a picture under a wrong name, or an encoding that cannot be read. */
const isNoise = (text: string) => {
  const sample = text.slice(0, 4096)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is counted.
  return (sample.match(/[\0-\x08\x0e-\x1a\x1c-\x1f\ufffd]/g)?.length ?? 0) > sample.length / 10
}
