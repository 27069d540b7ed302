/**
 * `fetch` for libraries that speak to a service of the operator's choice: redirects are answers, and an answer is read
 * whole, up to a size, before the library sees it. A promise, since that is what libraries call.
 */

const MAX_BYTES = 256 * 1024
// These have no body, and a Response may not be given one.
const BODILESS = [101, 204, 205, 304]

export const boundedFetch = async (url: string, init: RequestInit): Promise<Response> => {
  const answer = await fetch(url, { ...init, redirect: "manual" })
  const chunks: Array<Uint8Array> = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    // Leaving the loop hangs up.
    if (size > MAX_BYTES) throw new TypeError("the answer is too large")
    chunks.push(chunk)
  }
  const body = BODILESS.includes(answer.status) ? null : Buffer.concat(chunks)
  return new Response(body, { status: answer.status, headers: answer.headers })
}
