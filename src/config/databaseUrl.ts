/**
 * DATABASE_URL: a connection URI of libpq, whose authority may name several servers
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS). `URL` knows one host, so the list is taken
 * apart here, and each server has a URL of its own, which differs in nothing else.
 */

import { Array as Arr, Result } from "effect"

/** One at least. */
type Urls = Arr.NonEmptyReadonlyArray<URL>

const URI = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is

/** This server writes, so it has no use for a standby. */
const WANTED = ["any", "read-write", "primary"]

const targetOf = (url: URL) => url.searchParams.get("target_session_attrs")

/** A URL for each server, in the order in which they are named; or what is wrong, in words that tell nothing of the value. */
export const serversOf = (uri: string): Result.Result<Urls, string> => {
  const [, before = "", servers, after = ""] = URI.exec(uri.trim()) ?? []
  const names = servers?.split(",") ?? []
  const urls = names.flatMap((name) => {
    const url = `${before}${name}${after}`
    return URL.canParse(url) ? [new URL(url)] : []
  })
  if (names.length > 1 && (urls.length < names.length || names.some((name) => /^(:\d*)?$/.test(name)))) {
    return Result.fail("must name each of its servers as host or host:port, separated by commas")
  }
  if (!Arr.isReadonlyArrayNonEmpty(urls)) return Result.fail("must be a postgresql:// URL")
  if (names.length > 1 && urls[0].searchParams.has("host")) {
    return Result.fail("must name its servers either before the path or as host=, and several before the path")
  }
  if (!WANTED.includes(targetOf(urls[0]) ?? "any")) {
    return Result.fail(`must have a target_session_attrs of ${WANTED.join(", ")}: this server writes`)
  }
  return Result.succeed(urls)
}

/** Whether it has to be found out, again and again, which server takes writes: one of several, or one that says so. */
export const isToBeFound = (urls: Urls): boolean => urls.length > 1 || (targetOf(urls[0]) ?? "any") !== "any"

/** Where a server listens: a host, or the folder of its socket, and a port. */
export const placeOf = (url: URL) => ({
  host: url.searchParams.get("host") ?? decodeURIComponent(url.hostname),
  port: Number(url.port || 5432)
})

/** Hosts, ports and database, for people. */
export const whereOf = (urls: Urls): string => {
  const places = urls.map(placeOf).map(({ host, port }) => `${host}:${port}`)
  return `${places.join(", ")}${urls[0].pathname}`
}
