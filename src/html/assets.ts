/** The files that pages load: the style sheet, the one script, the sign, and the browser's part of passkeys. */

import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { endpoint } from "../web/endpoint.ts"

interface Asset {
  readonly path: `/assets/${string}`
  /** Where a page loads it from: another text is another address, so that a browser may keep it for ever. */
  readonly url: string
  readonly type: string
  readonly text: string
  readonly etag: string
}

const asset = (name: string, type: string, files: ReadonlyArray<string>): Asset => {
  const text = files.map((file) => readFileSync(new URL(file, import.meta.url), "utf8")).join("\n")
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 16)
  return { path: `/assets/${name}`, url: `/assets/${name}?v=${hash}`, type, text, etag: `"${hash}"` }
}

const SCRIPT = "text/javascript; charset=utf-8"

export const STYLE_SHEET = asset(
  "gatehouse.css",
  "text/css; charset=utf-8",
  ["text", "frame", "forms", "parts", "chart"].map((part) => `style/${part}.css`)
)
export const PAGE_SCRIPT = asset("gatehouse.js", SCRIPT, ["script.js"])
export const LOGO = asset("gatehouse.svg", "image/svg+xml", ["logo.svg"])
export const PASSKEYS_SCRIPT = asset("webauthn.js", SCRIPT, [
  new URL("../dist/bundle/index.umd.min.js", import.meta.resolve("@simplewebauthn/browser")).href
])

/**
 * The address with another hash is answered too, but kept by nobody: while instances are replaced one after the other, a
 * page of the new one may load its style from the old one.
 */
const serve = ({ url, type, text, etag }: Asset) =>
  HttpServerRequest.HttpServerRequest.use((request) => {
    const headers = {
      "cache-control": request.url === url ? "public, max-age=31536000, immutable" : "no-cache",
      etag
    }
    return Effect.succeed(
      request.headers["if-none-match"] === etag
        ? HttpServerResponse.empty({ status: 304, headers })
        : HttpServerResponse.text(text, { contentType: type, headers })
    )
  })

export const AssetRoutes = HttpRouter.use((router) =>
  Effect.forEach([STYLE_SHEET, PAGE_SCRIPT, LOGO, PASSKEYS_SCRIPT], (asset) =>
    endpoint(router, asset.path, { GET: serve(asset) })
  )
)
