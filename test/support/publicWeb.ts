/** A public web of our own: HTTPS on loopback, under names that only the test's resolver knows. */

import type { ServerResponse } from "node:http"
import { createServer } from "node:https"
import { Effect, type Layer } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"

/** For client.example, other.example and 127.0.0.1 until 2126; made for this file, and of use for nothing else. */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBpjCCAU2gAwIBAgIUGgvXfGqWfkVjlX8/1gsfoCAN/zgwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQxMjQyMzBaGA8yMTI2MTAzMTEyNDIz
MFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIv3
R0dMLRYLcTOTLxjrQIFP45wdebQsfVan53V+UYK6q/LSVDJHwmvFHk9JIFxOuTFp
nSMUsAM73tTJjWobzMqjgYQwgYEwHQYDVR0OBBYEFJyO46RrOT4wNlM5uZZSDRDz
mOJIMB8GA1UdIwQYMBaAFJyO46RrOT4wNlM5uZZSDRDzmOJIMA8GA1UdEwEB/wQF
MAMBAf8wLgYDVR0RBCcwJYIOY2xpZW50LmV4YW1wbGWCDW90aGVyLmV4YW1wbGWH
BH8AAAEwCgYIKoZIzj0EAwIDRwAwRAIgBOIyjYRqWdzoIo8Mz14B64EIctQCvsA4
jTm0sga6WBkCIFjAhaOKOZT91TW3m0CDYtamnkQztbsyZUbyHpOEPZlm
-----END CERTIFICATE-----
`
export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUD+pQHrwurvT6a1d
J3GhFsbmhsvw8u9R7Gp/q1WJN2+hRANCAASL90dHTC0WC3Ezky8Y60CBT+OcHXm0
LH1Wp+d1flGCuqvy0lQyR8JrxR5PSSBcTrkxaZ0jFLADO97UyY1qG8zK
-----END PRIVATE KEY-----
`

export type Page = (response: ServerResponse) => void

export const jsonPage =
  (document: unknown, headers: Record<string, string> = {}): Page =>
  (response) =>
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(document))

/** Serves pages by path, remembers what was asked for, and how often names were looked up. */
export const testWeb = Effect.fn("test.testWeb")(function* (pages: Record<string, Page>, at = "127.0.0.1") {
  const asked: Array<{ readonly host: string | undefined; readonly path: string }> = []
  const lookups: Array<string> = []
  const server = createServer({ cert: CERTIFICATE, key: KEY }, (request, response) => {
    const path = request.url ?? ""
    asked.push({ host: request.headers.host, path })
    const page = pages[path]
    if (page === undefined) response.writeHead(404).end()
    else page(response)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, at, () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )
  const address = server.address()
  const port = typeof address === "object" ? (address?.port ?? 0) : 0
  const layerOf = (addresses: (lookup: number) => ReadonlyArray<string>, isPublic = (_: string) => true) =>
    PublicWeb.layerOf({
      resolve: (host, callback) => {
        lookups.push(host)
        callback(
          null,
          addresses(lookups.length).map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
        )
      },
      isPublic,
      ca: CERTIFICATE
    })
  return {
    /** The address of a page under one of the names. */
    url: (path: string, host = "client.example") => `https://${host}:${port}${path}`,
    port,
    pages,
    asked,
    lookups,
    /** Every name leads here. */
    layer: layerOf(() => ["127.0.0.1"]) as Layer.Layer<PublicWeb>,
    layerOf
  }
})

/** A page of bytes as a server sends them, with or without saying what they are. */
export const bytesPage =
  (body: Uint8Array | string, type?: string): Page =>
  (response) =>
    response.writeHead(200, type === undefined ? {} : { "content-type": type }).end(body)
