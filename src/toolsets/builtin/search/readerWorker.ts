/** The thread in which pages are read: a page in, what can be read of it out. */

import { parentPort } from "node:worker_threads"
import { type Page, readable } from "./readable.ts"

parentPort?.on("message", (page: Page) => parentPort?.postMessage(readable(page)))
