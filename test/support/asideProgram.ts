/** A program for a thread that does as it is told: answer, never end, take all memory, throw, or leave. */

import { parentPort } from "node:worker_threads"

parentPort?.on("message", ({ body }: { readonly body: Uint8Array }) => {
  const order = Buffer.from(body).toString()
  if (order === "hang") for (;;);
  const kept: Array<unknown> = []
  while (order === "grow") kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })))
  if (order === "throw") throw new Error("a word of the page that no log may have")
  if (order === "leave") process.exit(0)
  parentPort?.postMessage(`answer to ${order}`)
  if (order === "leave later") setImmediate(() => process.exit(0))
})
