/**
 * `fetch` for code that names its hosts beforehand: to these, over https, and nowhere else, redirects included. Promises, since
 * whoever calls it, in a thread too, knows it as the standard one.
 */

const MAX_REDIRECTS = 5
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"])
/** Fetch §4.4: what another origin must not get, and what belongs to a body that is not sent again. */
const OF_THE_ORIGIN = ["authorization", "cookie", "proxy-authorization"]
const OF_THE_BODY = ["content-encoding", "content-language", "content-length", "content-location", "content-type"]

/** A host (`api.example.com`), with all below it (`*.example.com`), or with a port (`localhost:8080`). */
const isAllowed = (hosts: ReadonlyArray<string>, { host, hostname, protocol }: URL): boolean =>
  (protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname))) &&
  hosts.some((allowed) =>
    allowed.startsWith("*.") ? hostname.endsWith(allowed.slice(1)) : allowed === host || allowed === hostname
  )

/** A `fetch` for some hosts, given up when `signal` says so. What it refuses is a rejected promise that names the host. */
export const allowedFetch = (hosts: ReadonlyArray<string>, signal: () => AbortSignal): typeof fetch => {
  const follow = async (request: Request, mode: RequestRedirect, hops: number): Promise<Response> => {
    const url = new URL(request.url)
    if (!isAllowed(hosts, url)) {
      throw new TypeError(
        `fetch to ${url.protocol}//${url.host} is not allowed: name the host in the declaration's "hosts"`
      )
    }
    const again = request.clone()
    const response = await fetch(new Request(request, { redirect: "manual" }))
    const location = response.headers.get("location")
    const isRedirect = location !== null && [301, 302, 303, 307, 308].includes(response.status)
    if (!isRedirect || mode === "manual") {
      await again.body?.cancel()
      return response
    }
    await response.body?.cancel()
    if (mode === "error") throw new TypeError(`fetch to ${url.host} was redirected`)
    if (hops === MAX_REDIRECTS) throw new TypeError("fetch was redirected too often")
    const next = new URL(location, url)
    const headers = new Headers(again.headers)
    if (next.origin !== url.origin) for (const name of OF_THE_ORIGIN) headers.delete(name)
    // Fetch §4.4 step 12: what was posted is then asked for.
    const becomesGet =
      (response.status === 303 && again.method !== "HEAD") || (response.status < 303 && again.method === "POST")
    const method = becomesGet ? "GET" : again.method
    const hasBody = again.body !== null && !becomesGet
    if (!hasBody) for (const name of OF_THE_BODY) headers.delete(name)
    const body = hasBody ? await again.arrayBuffer() : null
    return follow(new Request(next, { method, headers, body, signal: again.signal }), mode, hops + 1)
  }
  return async (input, init) => {
    const request = new Request(input, init)
    return follow(new Request(request, { signal: AbortSignal.any([request.signal, signal()]) }), request.redirect, 0)
  }
}
