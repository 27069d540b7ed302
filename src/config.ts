/**
 * Every environment variable, decoded once. The only module that reads `process.env` and `.env`.
 *
 * A wrong value stops the start. All wrong values are reported together, by variable name and never with the value
 * itself, which may be a secret.
 */

import { readFileSync } from "node:fs"
import { parseEnv } from "node:util"
import { Context, Effect, Layer, Redacted, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { IpNetwork } from "effect/net"

const DAY = 86_400
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]

/** The environment is unusable. Each problem is a sentence that begins with the variable it is about. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return `the configuration is not usable:\n${this.problems.map((problem) => `  - ${problem}`).join("\n")}`
  }
}

// --- the variables: text in, values out ----------------------------------------------------------------------------

const text = (isValid: (value: string) => boolean, message: string) =>
  Schema.String.check(Schema.makeFilter((value: string) => isValid(value) || message))

const integer = (minimum: number, maximum: number, fallback: number) =>
  withDefault(
    text(
      (value) => /^\d{1,15}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum,
      `must be a whole number from ${minimum} to ${maximum}`
    ).pipe(Schema.decodeTo(Schema.Number, SchemaTransformation.numberFromString)),
    fallback
  )

const flag = Schema.Literals(["true", "false"])
  .annotate({ message: "must be true or false" })
  .pipe(
    Schema.decodeTo(
      Schema.Boolean,
      SchemaTransformation.transform({
        decode: (value) => value === "true",
        encode: (value): "true" | "false" => (value ? "true" : "false")
      })
    )
  )

const oneOf = <const Values extends ReadonlyArray<string>>(...values: Values) =>
  Schema.Literals(values).annotate({ message: `must be one of ${values.join(", ")}` })

const listOf = (isValid: (item: string) => boolean, message: string) =>
  text((value) => split(value).every(isValid), message).pipe(
    Schema.decodeTo(
      Schema.Array(Schema.String),
      SchemaTransformation.transform({ decode: split, encode: (items: ReadonlyArray<string>) => items.join(",") })
    )
  )

const withDefault = <S extends Schema.Constraint>(schema: S, value: S["Type"]) =>
  Schema.withDecodingDefaultType<S>(Effect.succeed(value))(schema)

const split = (value: string): ReadonlyArray<string> =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

const parseUrl = (value: string) => (URL.canParse(value) ? new URL(value) : undefined)
const isHttp = (url: URL | undefined): url is URL => url?.protocol === "http:" || url?.protocol === "https:"
const isHttpUrl = (value: string) => isHttp(parseUrl(value))
const isOrigin = (value: string) => isHttpUrl(value.replace(/:\*$/, "")) && /^https?:\/\/[^/?#@]+$/.test(value)
const isHost = (value: string) => /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i.test(value)
const isNetwork = (value: string) => Result.isSuccess(IpNetwork.fromString(asNetwork(value)))
const asNetwork = (value: string) => (value.includes("/") ? value : `${value}/${value.includes(":") ? 128 : 32}`)

const secret = Schema.RedactedFromValue(Schema.String)
const httpUrl = text(isHttpUrl, "must be an http or https URL")
const origins = listOf(isOrigin, "must list origins such as https://app.example, separated by commas; * is not one")
const hosts = listOf(isHost, "must list host names such as app.example or app.example:8443; * is not one")

const Environment = Schema.Struct({
  PORT: integer(1, 65_535, 3000),
  HOST: withDefault(Schema.String, "127.0.0.1"),
  BASE_URL: Schema.optionalKey(
    text((value) => {
      const url = parseUrl(value)
      return isHttp(url) && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === ""
    }, "must be an origin such as https://mcp.example, without path, query or credentials")
  ),

  DATABASE_URL: Schema.optionalKey(
    Schema.RedactedFromValue(
      text((value) => /^postgres(ql)?:$/.test(parseUrl(value)?.protocol ?? ""), "must be a postgresql:// URL")
    )
  ),
  DATABASE_POOLER: Schema.optionalKey(oneOf("session", "transaction")),
  DATABASE_CA_FILE: Schema.optionalKey(Schema.String),
  DATABASE_POOL_SIZE: integer(1, 500, 10),
  DATA_DIR: withDefault(Schema.String, ".data"),

  CORS_ORIGINS: Schema.optionalKey(origins),
  MCP_ALLOWED_ORIGINS: Schema.optionalKey(origins),
  MCP_ALLOWED_HOSTS: Schema.optionalKey(hosts),
  TRUST_PROXY: Schema.optionalKey(
    text(
      (value) => /^\d{1,2}$/.test(value) || (split(value).length > 0 && split(value).every(isNetwork)),
      "must be a number of proxies, or their networks such as 10.0.0.0/8,192.0.2.7"
    )
  ),

  ENABLE_CLEANUP_JOB: withDefault(flag, true),
  CLEANUP_INTERVAL_MINUTES: integer(1, 10_080, 60),

  AUTO_SEED_CLIENT_ID: Schema.optionalKey(
    text((value) => /^[\x21-\x7e]{1,128}$/.test(value), "must be printable ASCII")
  ),
  AUTO_SEED_CLIENT_NAME: Schema.optionalKey(Schema.String),
  AUTO_SEED_CLIENT_SECRET: Schema.optionalKey(secret),
  AUTO_SEED_REDIRECT_URIS: Schema.optionalKey(listOf(() => true, "")),
  AUTO_APPROVE: withDefault(flag, false),
  DEMO_CONSENT: Schema.optionalKey(flag),

  ACCESS_TOKEN_TTL_SECONDS: integer(1, 30 * DAY, 3600),
  REFRESH_TOKEN_TTL_SECONDS: integer(1, 3650 * DAY, 30 * DAY),
  AUTHORIZATION_CODE_TTL_SECONDS: integer(1, 600, 60),
  SESSION_TTL_SECONDS: integer(1, 3650 * DAY, 365 * DAY),
  REFRESH_REUSE_GRACE_SECONDS: integer(0, 1800, 0),

  RATE_LIMIT_ENABLED: withDefault(flag, true),
  RATE_LIMIT_AUTHORIZE_PER_MINUTE: integer(1, 1_000_000, 300),
  RATE_LIMIT_CLIENT_PER_MINUTE: integer(1, 1_000_000, 3000),
  RATE_LIMIT_FAILURES_PER_MINUTE: integer(1, 1_000_000, 300),

  LOG_LEVEL: withDefault(oneOf("trace", "debug", "info", "warn", "error", "fatal", "none"), "info"),
  LOG_FORMAT: Schema.optionalKey(oneOf("pretty", "json")),

  WEATHER_GEOCODING_URL: withDefault(httpUrl, "https://geocoding-api.open-meteo.com/v1/search"),
  WEATHER_FORECAST_URL: withDefault(httpUrl, "https://api.open-meteo.com/v1/forecast"),
  SEARCH_PROVIDER: Schema.optionalKey(oneOf("brave", "tavily", "exa", "kagi", "searxng", "wikipedia")),
  SEARCH_BASE_URL: Schema.optionalKey(httpUrl),
  BRAVE_API_KEY: Schema.optionalKey(secret),
  TAVILY_API_KEY: Schema.optionalKey(secret),
  EXA_API_KEY: Schema.optionalKey(secret),
  KAGI_API_KEY: Schema.optionalKey(secret),
  SEARXNG_URL: Schema.optionalKey(httpUrl)
})
type Environment = typeof Environment.Type

// --- what the rest of the program reads ----------------------------------------------------------------------------

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
      readonly url: Redacted.Redacted
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

export interface ServerConfigShape {
  readonly port: number
  readonly host: string
  /** The issuer: an origin without a trailing slash, in the one spelling used everywhere (RFC 8414 §2). */
  readonly issuer: string
  /** The protected resource: `issuer` + `/mcp` (RFC 9728 §1.2, RFC 8707 §2). */
  readonly resource: string
  readonly isLocal: boolean
  readonly database: DatabaseConfig
  readonly corsOrigins: ReadonlyArray<string>
  readonly allowedOrigins: ReadonlyArray<string>
  readonly allowedHosts: ReadonlyArray<string>
  readonly trustedProxies: TrustedProxies
  readonly cleanup: { readonly enabled: boolean; readonly intervalMinutes: number }
  readonly seedClient: SeedClient | undefined
  readonly autoApprove: boolean
  /** All in seconds. `refreshReuseGrace` 0 is strict rotation. */
  readonly lifetimes: {
    readonly accessToken: number
    readonly refreshToken: number
    readonly authorizationCode: number
    readonly session: number
    readonly refreshReuseGrace: number
  }
  readonly rateLimit:
    | { readonly authorizePerMinute: number; readonly clientPerMinute: number; readonly failuresPerMinute: number }
    | undefined
  readonly log: { readonly level: Environment["LOG_LEVEL"]; readonly format: "pretty" | "json" | undefined }
  readonly weather: { readonly geocodingUrl: string; readonly forecastUrl: string }
  readonly search: SearchConfig
}

export class ServerConfig extends Context.Service<ServerConfig, ServerConfigShape>()("gatehouse/ServerConfig") {
  /** From `process.env`, with `.env` in the working directory for what the environment leaves out. */
  static readonly layer = Layer.effect(
    ServerConfig,
    Effect.suspend(() => fromEnvironment({ ...readDotEnv(), ...process.env }))
  )
  /** From the given variables alone. */
  static readonly layerOf = (variables: Readonly<Record<string, string>>) =>
    Layer.effect(ServerConfig, fromEnvironment(variables))
}

const readDotEnv = () =>
  Result.getOrElse(
    Result.try(() => parseEnv(readFileSync(".env", "utf8"))),
    () => ({})
  )

const fromEnvironment = Effect.fn("ServerConfig.fromEnvironment")(function* (
  variables: Readonly<Record<string, string | undefined>>
) {
  const present = Object.fromEntries(Object.entries(variables).filter(([, value]) => value?.trim()))
  const decoded = decode(present)
  if (Result.isFailure(decoded)) {
    const { issues } = SchemaIssue.makeFormatterStandardSchemaV1()(decoded.failure.issue)
    const wrong = new Map(issues.map(({ path, message }) => [String(path?.[0]), message]))
    // Without the wrong ones the rest decodes, so what contradicts itself there is told in the same breath.
    const rest = decode(Object.fromEntries(Object.entries(present).filter(([name]) => !wrong.has(name))))
    const others = Result.isSuccess(rest) ? contradictions(rest.success) : []
    return yield* new ConfigInvalid({
      problems: [
        ...Array.from(wrong, ([name, message]) => `${name} ${message}`),
        ...others.filter((problem) => !wrong.has(problem.split(" ")[0] ?? ""))
      ]
    })
  }
  const problems = contradictions(decoded.success)
  if (problems.length > 0) return yield* new ConfigInvalid({ problems })
  return resolve(decoded.success)
})

const decode = Schema.decodeUnknownResult(Environment, { errors: "all" })

const baseUrlOf = (env: Environment) => new URL(env.BASE_URL ?? `http://localhost:${env.PORT}`)
const isLocalUrl = (url: URL) => LOOPBACK.includes(url.hostname)

/** What no single variable shows: settings that are unsafe, or useless, together. */
const contradictions = (env: Environment): ReadonlyArray<string> => {
  const baseUrl = baseUrlOf(env)
  const isLocal = isLocalUrl(baseUrl)
  const rules: ReadonlyArray<readonly [boolean, string]> = [
    [!isLocal && baseUrl.protocol === "http:", "BASE_URL must be https: outside localhost, tokens need TLS"],
    [!isLocal && env.AUTO_APPROVE, "AUTO_APPROVE must not be true outside localhost: anybody could get a token"],
    [
      !isLocal && env.DEMO_CONSENT !== true,
      "DEMO_CONSENT must be true outside localhost: the only consent page is the demo one, which asks nobody to sign " +
        "in, so anybody who reaches it can approve; say so out loud, or keep BASE_URL on localhost"
    ],
    [isLocal && env.DEMO_CONSENT === false && !env.AUTO_APPROVE, "DEMO_CONSENT is false and no other consent exists"],
    [
      env.AUTO_SEED_CLIENT_ID !== undefined && env.AUTO_SEED_REDIRECT_URIS === undefined,
      "AUTO_SEED_REDIRECT_URIS must list at least one URI for AUTO_SEED_CLIENT_ID"
    ],
    [
      env.AUTO_SEED_CLIENT_ID === undefined &&
        (env.AUTO_SEED_REDIRECT_URIS ?? env.AUTO_SEED_CLIENT_SECRET ?? env.AUTO_SEED_CLIENT_NAME) !== undefined,
      "AUTO_SEED_CLIENT_ID must be set when another AUTO_SEED_ variable is"
    ],
    ...(["BRAVE", "TAVILY", "EXA", "KAGI"] as const).map(
      (name) =>
        [
          env.SEARCH_PROVIDER === name.toLowerCase() && env[`${name}_API_KEY`] === undefined,
          `${name}_API_KEY must be set for SEARCH_PROVIDER=${name.toLowerCase()}`
        ] as const
    ),
    [
      env.SEARCH_PROVIDER === "searxng" && env.SEARXNG_URL === undefined,
      "SEARXNG_URL must be set for SEARCH_PROVIDER=searxng"
    ]
  ]
  return rules.filter(([broken]) => broken).map(([, problem]) => problem)
}

const resolve = (env: Environment): ServerConfigShape => {
  const baseUrl = baseUrlOf(env)
  const isLocal = isLocalUrl(baseUrl)
  const issuer = baseUrl.origin
  const implied = isLocal ? LOOPBACK.flatMap((host) => [`http://${host}:*`, `https://${host}:*`]) : [issuer]
  return {
    port: env.PORT,
    host: env.HOST,
    issuer,
    resource: `${issuer}/mcp`,
    isLocal,
    database: databaseOf(env),
    corsOrigins: env.CORS_ORIGINS ?? implied,
    allowedOrigins: env.MCP_ALLOWED_ORIGINS ?? implied,
    allowedHosts: (env.MCP_ALLOWED_HOSTS ?? (isLocal ? LOOPBACK : [baseUrl.host])).map((host) => host.toLowerCase()),
    trustedProxies: proxiesOf(env.TRUST_PROXY ?? "0"),
    cleanup: { enabled: env.ENABLE_CLEANUP_JOB, intervalMinutes: env.CLEANUP_INTERVAL_MINUTES },
    seedClient: seedClientOf(env),
    autoApprove: env.AUTO_APPROVE,
    lifetimes: {
      accessToken: env.ACCESS_TOKEN_TTL_SECONDS,
      refreshToken: env.REFRESH_TOKEN_TTL_SECONDS,
      authorizationCode: env.AUTHORIZATION_CODE_TTL_SECONDS,
      session: env.SESSION_TTL_SECONDS,
      refreshReuseGrace: env.REFRESH_REUSE_GRACE_SECONDS
    },
    rateLimit: env.RATE_LIMIT_ENABLED
      ? {
          authorizePerMinute: env.RATE_LIMIT_AUTHORIZE_PER_MINUTE,
          clientPerMinute: env.RATE_LIMIT_CLIENT_PER_MINUTE,
          failuresPerMinute: env.RATE_LIMIT_FAILURES_PER_MINUTE
        }
      : undefined,
    log: { level: env.LOG_LEVEL, format: env.LOG_FORMAT },
    weather: { geocodingUrl: env.WEATHER_GEOCODING_URL, forecastUrl: env.WEATHER_FORECAST_URL },
    search: searchOf(env)
  }
}

const databaseOf = (env: Environment): DatabaseConfig => {
  if (env.DATABASE_URL === undefined) return { _tag: "Embedded", dataDir: env.DATA_DIR }
  // Port 6543 is Supabase's transaction pooler; its session pooler and the direct connection answer on 5432.
  const isTransactionPort = new URL(Redacted.value(env.DATABASE_URL)).port === "6543"
  return {
    _tag: "Postgres",
    url: env.DATABASE_URL,
    pooler: env.DATABASE_POOLER ?? (isTransactionPort ? "transaction" : "session"),
    caFile: env.DATABASE_CA_FILE,
    poolSize: env.DATABASE_POOL_SIZE
  }
}

const proxiesOf = (value: string): TrustedProxies =>
  /^\d+$/.test(value)
    ? { _tag: "Hops", count: Number(value) }
    : { _tag: "Networks", networks: split(value).map((item) => IpNetwork.fromStringUnsafe(asNetwork(item))) }

const seedClientOf = (env: Environment): SeedClient | undefined => {
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

const searchOf = (env: Environment): SearchConfig => {
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
