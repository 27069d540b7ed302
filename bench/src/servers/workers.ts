/** `@cloudflare/workers-oauth-provider` in miniflare, which runs the same workerd as production, on KV in memory. */

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Miniflare } from "miniflare"
import { port } from "../tools.ts"

const library = fileURLToPath(import.meta.resolve("@cloudflare/workers-oauth-provider"))
const worker = readFileSync(new URL("worker.js", import.meta.url), "utf8").replace("PORT", String(port))

const miniflare = new Miniflare({
  host: "127.0.0.1",
  port,
  modules: [
    { type: "ESModule", path: "worker.js", contents: worker },
    { type: "ESModule", path: "@cloudflare/workers-oauth-provider", contents: readFileSync(library, "utf8") }
  ],
  compatibilityDate: "2026-07-01",
  compatibilityFlags: ["nodejs_compat", "global_fetch_strictly_public"],
  kvNamespaces: ["OAUTH_KV"]
})
await miniflare.ready
process.once("SIGTERM", () => void miniflare.dispose().then(() => process.exit(0)))
