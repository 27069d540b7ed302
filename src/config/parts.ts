/** Parts of the configuration that are more than one variable each. */

import { type Array as Arr, Redacted, Result } from "effect"
import { IpNetwork } from "effect/net"
import { isToBeFound, serversOf } from "./databaseUrl.ts"
import type { Environment } from "./environment.ts"
import { asNetwork, split } from "./values.ts"

/** Which search API `search_web` asks. `baseUrl` replaces the provider's own address. */
export interface SearchConfig {
  readonly provider: NonNullable<Environment["SEARCH_PROVIDER"]>
  readonly apiKey: Redacted.Redacted | undefined
  readonly baseUrl: string | undefined
}

export type DatabaseConfig =
  | { readonly _tag: "Embedded"; readonly dataDir: string }
  | {
      readonly _tag: "Postgres"
      /** Of each server, in the order in which they are named. */
      readonly urls: Redacted.Redacted<Arr.NonEmptyReadonlyArray<URL>>
      /** Whether one is followed that takes writes; where there are several, there is no other way. */
      readonly isToBeFound: boolean
      /** Behind a transaction pooler, named prepared statements and LISTEN do not exist. */
      readonly pooler: "session" | "transaction"
      readonly caFile: string | undefined
      readonly poolSize: number
    }

/** The client that the server itself registers at start. */
export interface SeedClient {
  readonly id: string
  readonly name: string
  readonly secret: Redacted.Redacted | undefined
  readonly redirectUris: ReadonlyArray<string>
}

/** How many proxies, or which networks, may speak for the client in `X-Forwarded-For`. */
export type TrustedProxies =
  | { readonly _tag: "Hops"; readonly count: number }
  | { readonly _tag: "Networks"; readonly networks: ReadonlyArray<IpNetwork.IpNetwork> }

export const databaseOf = (env: Environment): DatabaseConfig => {
  if (env.DATABASE_URL === undefined) return { _tag: "Embedded", dataDir: env.DATA_DIR }
  // Port 6543 is Supabase's transaction pooler; its session pooler and the direct connection answer on 5432.
  // The schema let no other pass.
  const urls = Result.getOrThrow(serversOf(Redacted.value(env.DATABASE_URL)))
  const isTransactionPort = urls.every(({ port }) => port === "6543")
  return {
    _tag: "Postgres",
    urls: Redacted.make(urls),
    isToBeFound: isToBeFound(urls),
    pooler: env.DATABASE_POOLER ?? (isTransactionPort ? "transaction" : "session"),
    caFile: env.DATABASE_CA_FILE,
    poolSize: env.DATABASE_POOL_SIZE
  }
}

export const proxiesOf = (value: string): TrustedProxies =>
  /^\d+$/.test(value)
    ? { _tag: "Hops", count: Number(value) }
    : { _tag: "Networks", networks: split(value).map((item) => IpNetwork.fromStringUnsafe(asNetwork(item))) }

export const seedClientOf = (env: Environment): SeedClient | undefined => {
  if (env.AUTO_SEED_CLIENT_ID !== undefined) {
    return {
      id: env.AUTO_SEED_CLIENT_ID,
      name: env.AUTO_SEED_CLIENT_NAME ?? env.AUTO_SEED_CLIENT_ID,
      secret: env.AUTO_SEED_CLIENT_SECRET,
      redirectUris: env.AUTO_SEED_REDIRECT_URIS ?? []
    }
  }
  if (env.DATABASE_URL !== undefined) return undefined
  // Loopback redirects match on any port (RFC 8252 §7.3); these are the paths that local clients listen on.
  const redirectUris = ["127.0.0.1", "localhost"].flatMap((host) => [
    `http://${host}/callback`,
    `http://${host}/oauth/callback`
  ])
  return { id: "demo", name: "Demo client", secret: undefined, redirectUris }
}

export const searchOf = (env: Environment): SearchConfig => {
  const keys = {
    brave: env.BRAVE_API_KEY,
    tavily: env.TAVILY_API_KEY,
    exa: env.EXA_API_KEY,
    kagi: env.KAGI_API_KEY
  }
  const names = ["brave", "tavily", "exa", "kagi"] as const
  const provider =
    env.SEARCH_PROVIDER ??
    names.find((name) => keys[name] !== undefined) ??
    (env.SEARXNG_URL === undefined ? "wikipedia" : "searxng")
  return {
    provider,
    apiKey: provider === "searxng" || provider === "wikipedia" ? undefined : keys[provider],
    baseUrl: provider === "searxng" ? env.SEARXNG_URL : env.SEARCH_BASE_URL
  }
}
