/** What stands on the public web, as readable text. */

import { extname } from "node:path"
import { Context, Effect, Layer, Schema } from "effect"
import { PublicWeb } from "../../../net/PublicWeb.ts"
import { aside } from "../../aside.ts"
import { ToolFailure } from "../../failure.ts"
import { webUrl } from "../../untrusted.ts"
import type { Page } from "./readable.ts"

const MAX_BYTES = 2 * 1024 * 1024
const TIMEOUT = "10 seconds"
const MAX_REDIRECTS = 5
/** For the reading of one page, which takes some milliseconds; a page that needs more is not worth it. */
const READING_TIME = "5 seconds"
/** For the wait until others have been read. */
const TURN = "10 seconds"
const THREADS = 2
const MAX_WAITING = 16
/** A page's text and what is made of it are a few times its size. */
const MEMORY_MB = 256

/** What the thread answers, as `readable.ts` has it. */
const Readable = Schema.Union([
  Schema.Struct({ title: Schema.String, text: Schema.String, isCut: Schema.Boolean }),
  Schema.Struct({ refusal: Schema.String })
])
const decodeReadable = Schema.decodeUnknownEffect(Readable)

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
      const thread = yield* aside<Page>({
        program: new URL(`./readerWorker${extname(import.meta.url)}`, import.meta.url),
        threads: THREADS,
        maxWaiting: MAX_WAITING,
        turn: TURN,
        time: READING_TIME,
        memoryMb: MEMORY_MB,
        words: {
          tooCostly: "The page takes too much to read it.",
          busy: "Too many pages are being read. Try again later."
        }
      })

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
            Effect.mapError(() => new ToolFailure("The page could not be fetched."))
          )

      /** Every hop is a new look-up that has to lead to a public address. */
      const follow = Effect.fnUntraced(function* (start: string) {
        let url = start
        for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
          const answer = yield* get(url)
          const location = answer.headers.location
          if (answer.status < 300 || answer.status >= 400 || location === undefined) return { url, answer }
          const next = webUrl(URL.canParse(location, url) ? new URL(location, url).href : "")
          if (next === undefined) return yield* new ToolFailure("The page leads to an address that is no web page.")
          url = next
        }
        return yield* new ToolFailure("The page redirects too often.")
      })

      return Reader.of({
        read: Effect.fn("Reader.read")(function* (address: string) {
          const { url, answer } = yield* follow(address)
          if (answer.status !== 200) {
            return yield* new ToolFailure(`The page answered with an error (${answer.status}).`)
          }
          // A copy of its own, which is handed over: what is read shares its memory with nothing.
          const body = new Uint8Array(answer.body)
          const answered = yield* thread.run({ body, type: answer.headers["content-type"] }, [body.buffer]).pipe(
            Effect.tapError(({ reason }) =>
              Effect.logInfo("a web page could not be read").pipe(Effect.annotateLogs({ reason }))
            ),
            Effect.mapError(({ message }) => new ToolFailure(message))
          )
          const page = yield* Effect.orDie(decodeReadable(answered))
          if ("refusal" in page) return yield* new ToolFailure(page.refusal)
          return { url, title: page.title || url, text: page.text, isCut: page.isCut }
        })
      })
    })
  )
}
