/** What stands on the public web, as readable text. */

import { Context, Effect, Layer, Result } from "effect"
import { compile, type HtmlToTextOptions } from "html-to-text"
import { PublicWeb, type WebAnswer } from "../../../net/PublicWeb.ts"
import { ToolFailure } from "../../tool.ts"
import { plainText, webUrl } from "../../untrusted.ts"

const MAX_BYTES = 2 * 1024 * 1024
const TIMEOUT = "10 seconds"
const MAX_REDIRECTS = 5
/** A model's context is finite, and clients cut results themselves from some 100,000 characters on. */
export const MAX_TEXT = 60_000
const MAX_TITLE = 200
/** Less than this is a teaser or a menu, and no article. */
const SHORTEST_ARTICLE = 250

export interface Article {
  /** Where it was in the end, after redirects. */
  readonly url: string
  readonly title: string
  readonly text: string
  /** Whether the text was longer. */
  readonly isCut: boolean
}

export class Reader extends Context.Service<
  Reader,
  { readonly read: (url: string) => Effect.Effect<Article, ToolFailure> }
>()("gatehouse/toolsets/Reader") {
  static readonly layer = Layer.effect(
    Reader,
    Effect.gen(function* () {
      const web = yield* PublicWeb

      const get = (url: string) =>
        web
          .get({
            url,
            accept: "text/html, text/*;q=0.9, application/json;q=0.8",
            maxBytes: MAX_BYTES,
            timeout: TIMEOUT
          })
          .pipe(
            Effect.tapError(({ reason }) =>
              Effect.logInfo("a web page could not be read").pipe(Effect.annotateLogs({ reason }))
            ),
            // Where an address leads, or that it leads inside, is not for the caller.
            Effect.mapError(() => new ToolFailure({ message: "The page could not be fetched." }))
          )

      /** Every hop is a new look-up that has to lead to a public address. */
      const follow = Effect.fnUntraced(function* (start: string) {
        let url = start
        for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
          const answer = yield* get(url)
          const location = answer.headers.location
          if (answer.status < 300 || answer.status >= 400 || location === undefined) return { url, answer }
          const next = webUrl(URL.canParse(location, url) ? new URL(location, url).href : "")
          if (next === undefined)
            return yield* new ToolFailure({ message: "The page leads to an address that is no web page." })
          url = next
        }
        return yield* new ToolFailure({ message: "The page redirects too often." })
      })

      return Reader.of({
        read: Effect.fn("Reader.read")(function* (address: string) {
          const { url, answer } = yield* follow(address)
          if (answer.status !== 200) {
            return yield* new ToolFailure({ message: `The page answered with an error (${answer.status}).` })
          }
          const { title, text } = yield* readable(answer)
          const whole = text
            .replace(INVISIBLE, "")
            .replace(/[ \t]+\n/g, "\n")
            .replace(/\n{3,}/g, "\n\n")
            .trim()
          return {
            url,
            title: plainText(title, MAX_TITLE) || url,
            text: whole.slice(0, MAX_TEXT),
            isCut: whole.length > MAX_TEXT
          }
        })
      })
    })
  )
}

/** As `plainText`, but lines stay lines. */
const INVISIBLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]|[\u{e0100}-\u{e01ef}]/gu

const OPTIONS: HtmlToTextOptions = {
  wordwrap: false,
  limits: { maxInputLength: MAX_BYTES, maxDepth: 200, maxChildNodes: 5000 },
  selectors: [
    ...["nav", "footer", "aside", "form", "button", "noscript", "iframe", "svg", "template"].map((selector) => ({
      selector,
      format: "skip"
    })),
    { selector: "img", format: "skip" },
    { selector: "a", options: { ignoreHref: true } },
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: "table", format: "dataTable", options: { uppercaseHeaderCells: false } }
  ]
}
const articleOf = compile({
  ...OPTIONS,
  baseElements: { selectors: ["article", "main", "[role=main]"], returnDomByDefault: false }
})
const wholeOf = compile({ ...OPTIONS, baseElements: { selectors: ["body"], returnDomByDefault: true } })

const readable = Effect.fnUntraced(function* ({ headers, body }: WebAnswer) {
  const [type = "", ...parameters] = (headers["content-type"] ?? "text/html").toLowerCase().split(";")
  if (!/^(text\/|application\/([\w.+-]+\+)?(json|xml)$)/.test(type.trim())) {
    return yield* new ToolFailure({ message: "The page is not text." })
  }
  const charset = parameters.map((parameter) => /charset="?([\w-]+)/.exec(parameter)?.[1]).find(Boolean) ?? "utf-8"
  const decoder = Result.getOrElse(
    Result.try(() => new TextDecoder(charset)),
    () => new TextDecoder()
  )
  const text = decoder.decode(body)
  if (!/html/.test(type)) return { title: "", text }
  const article = articleOf(text)
  return {
    title: /<title[^>]*>([^<]{0,500})/i.exec(text)?.[1] ?? "",
    text: article.length >= SHORTEST_ARTICLE ? article : wholeOf(text)
  }
})
