/** The environment's variables: text in, values out, and what may not stand together. */

import { identity, Redacted, Result, Schema } from "effect"
import { serversOf } from "./databaseUrl.ts"
import { otlpSecrets, otlpVariables } from "./otlp.ts"
import {
  FORBIDDEN_SCHEMES,
  flag,
  hosts,
  httpUrl,
  integer,
  isHttp,
  isNetwork,
  LOOPBACK,
  listOf,
  longSecret,
  oneOf,
  origins,
  parseUrl,
  secret,
  split,
  text,
  whole,
  withDefault
} from "./values.ts"

const DAY = 86_400
/** Each may stand in a file instead (`platform.ts`). */
const secrets = {
  DATABASE_URL: Schema.optionalKey(
    Schema.RedactedFromValue(
      Schema.String.check(
        Schema.makeFilter((value: string) =>
          Result.match(serversOf(value), { onSuccess: () => true, onFailure: identity })
        )
      )
    )
  ),
  REDIS_URL: Schema.optionalKey(
    Schema.RedactedFromValue(
      text((value) => /^rediss?:$/.test(parseUrl(value)?.protocol ?? ""), "must be a redis:// or rediss:// URL")
    )
  ),
  SEALING_KEY: Schema.optionalKey(longSecret),
  REGISTRATION_TOKEN: Schema.optionalKey(longSecret),
  AUTO_SEED_CLIENT_SECRET: Schema.optionalKey(secret),
  EVENTS_WEBHOOK_SECRET: Schema.optionalKey(longSecret),
  ...otlpSecrets,
  BRAVE_API_KEY: Schema.optionalKey(secret),
  TAVILY_API_KEY: Schema.optionalKey(secret),
  EXA_API_KEY: Schema.optionalKey(secret),
  KAGI_API_KEY: Schema.optionalKey(secret)
}

export const Environment = Schema.Struct({
  ...secrets,
  PORT: integer(1, 65_535, 3000),
  HOST: withDefault(Schema.String, "127.0.0.1"),
  BASE_URL: Schema.optionalKey(
    text((value) => {
      const url = parseUrl(value)
      return isHttp(url) && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === ""
    }, "must be an origin such as https://mcp.example, without path, query or credentials")
  ),

  WORKERS: integer(1, 256, 1),
  /** Which of them this process is: `workers.ts` sets it, nobody else. */
  WORKER: integer(1, 256, 1),
  /** The folder of the sockets that they speak to each other through: `workers.ts` sets it as well. */
  WORKER_SOCKETS: Schema.optionalKey(Schema.String),

  DATABASE_POOLER: Schema.optionalKey(oneOf("session", "transaction")),
  DATABASE_CA_FILE: Schema.optionalKey(Schema.String),
  DATABASE_POOL_SIZE: integer(1, 500, 10),
  DATA_DIR: withDefault(Schema.String, ".data"),

  BUILT_IN_TOOLS: Schema.optionalKey(
    listOf((name) => /^[a-z_]+$/.test(name), "must list tools, separated by commas; or none")
  ),
  TOOLS_DIR: Schema.optionalKey(Schema.String),
  GATEHOUSE_FILE: Schema.optionalKey(Schema.String),

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
  USAGE_RETENTION_DAYS: integer(1, 3650, 400),
  EVENTS_RETENTION_DAYS: integer(30, 36_500, 365),

  AUTO_SEED_CLIENT_ID: Schema.optionalKey(
    text((value) => /^[\x21-\x7e]{1,128}$/.test(value), "must be printable ASCII")
  ),
  AUTO_SEED_CLIENT_NAME: Schema.optionalKey(Schema.String),
  AUTO_SEED_REDIRECT_URIS: Schema.optionalKey(listOf(() => true, "")),
  AUTO_APPROVE: withDefault(flag, false),
  DEMO_CONSENT: Schema.optionalKey(flag),
  SIGN_UP: withDefault(oneOf("invited", "open"), "invited"),

  ACCESS_TOKEN_TTL_SECONDS: integer(1, 30 * DAY, 3600),
  REFRESH_TOKEN_TTL_SECONDS: integer(1, 3650 * DAY, 30 * DAY),
  AUTHORIZATION_CODE_TTL_SECONDS: integer(1, 600, 60),
  SESSION_TTL_SECONDS: integer(1, 3650 * DAY, 365 * DAY),
  REFRESH_REUSE_GRACE_SECONDS: integer(0, 1800, 0),

  RATE_LIMIT_ENABLED: withDefault(flag, true),
  RATE_LIMIT_AUTHORIZE_PER_MINUTE: integer(1, 1_000_000, 300),
  RATE_LIMIT_CLIENT_PER_MINUTE: integer(1, 1_000_000, 3000),
  RATE_LIMIT_FAILURES_PER_MINUTE: integer(1, 1_000_000, 300),
  RATE_LIMIT_REGISTRATIONS_PER_HOUR: integer(1, 1_000_000, 10),

  DYNAMIC_REGISTRATION: withDefault(oneOf("open", "token", "off"), "open"),
  CLIENT_ID_METADATA_DOCUMENTS: withDefault(flag, true),
  REDIRECT_SCHEMES: withDefault(
    listOf(
      (scheme) => /^[a-z][a-z0-9+.-]*$/.test(scheme) && !FORBIDDEN_SCHEMES.includes(scheme),
      "must list private-use URI schemes such as cursor,vscode"
    ),
    ["cursor", "vscode", "vscode-insiders"]
  ),
  OPENAI_APPS_CHALLENGE: Schema.optionalKey(
    text((value) => /^[\x21-\x7e]{1,512}$/.test(value), "must be printable ASCII")
  ),

  MAX_DELAY_MS: integer(1, 60_000, 250),
  MCP_FAST_LANE: withDefault(oneOf("on", "off"), "on"),
  LOG_LEVEL: withDefault(oneOf("trace", "debug", "info", "warn", "error", "fatal", "none"), "info"),
  LOG_FORMAT: Schema.optionalKey(oneOf("pretty", "json")),
  EVENTS_WEBHOOK_URL: Schema.optionalKey(
    text((value) => {
      const url = parseUrl(value)
      return url?.protocol === "https:" || (url?.protocol === "http:" && isLocalUrl(url))
    }, "must be an https URL")
  ),
  METRICS_PORT: Schema.optionalKey(whole(1, 65_535)),
  METRICS_HOST: withDefault(Schema.String, "127.0.0.1"),
  ...otlpVariables,

  WEATHER_GEOCODING_URL: withDefault(httpUrl, "https://geocoding-api.open-meteo.com/v1/search"),
  WEATHER_FORECAST_URL: withDefault(httpUrl, "https://api.open-meteo.com/v1/forecast"),
  SEARCH_PROVIDER: Schema.optionalKey(oneOf("brave", "tavily", "exa", "kagi", "searxng", "wikipedia")),
  SEARCH_BASE_URL: Schema.optionalKey(httpUrl),
  SEARXNG_URL: Schema.optionalKey(httpUrl)
})
export type Environment = typeof Environment.Type

/** What any program needs, where it is set; it is all that a child gets of this process's environment. */
const OF_ANY_PROGRAM = ["PATH", "HOME", "LOGNAME", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "TZ"]

export const forChildren = (
  variables: Readonly<Record<string, string | undefined>>
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    OF_ANY_PROGRAM.flatMap((name) => {
      const value = variables[name]
      return value === undefined ? [] : [[name, value]]
    })
  )

/** Whether a variable is a secret of this server's own. */
export const isSecret = (name: string): boolean => Object.hasOwn(secrets, name) || /^OIDC_\w+_CLIENT_SECRET$/.test(name)

/** Whether a variable is this server's own: nobody else's to read. */
export const isOurs = (name: string): boolean => name in Environment.fields || /^(OIDC|OTEL)_/.test(name)

/** What is none of ours: the variables of tools and of whatever else runs here. */
export const secretsOf = (variables: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value === undefined || isOurs(name) ? [] : [[name, Redacted.make(value)]]
    )
  )

/** All problems at once. */
export const decode = Schema.decodeUnknownResult(Environment, { errors: "all" })

export const baseUrlOf = (env: Environment) => new URL(env.BASE_URL ?? `http://localhost:${env.PORT}`)
export const isLocalUrl = (url: URL) => LOOPBACK.includes(url.hostname)
/** Whether a host, in a URL's spelling or an interface's, is this computer alone. */
export const isLoopback = (host: string): boolean => LOOPBACK.includes(host) || host === "::1"

/** What no single variable shows: settings that are unsafe, or useless, together. */
export const contradictions = (env: Environment): ReadonlyArray<string> => {
  const baseUrl = baseUrlOf(env)
  const isLocal = isLocalUrl(baseUrl)
  const rules: ReadonlyArray<readonly [boolean, string]> = [
    [
      env.EVENTS_WEBHOOK_URL !== undefined && env.EVENTS_WEBHOOK_SECRET === undefined,
      "EVENTS_WEBHOOK_SECRET must be set for EVENTS_WEBHOOK_URL: its receiver knows by it who is speaking"
    ],
    [env.METRICS_PORT === env.PORT, "METRICS_PORT must be another port than PORT: its numbers are not for everybody"],
    [!isLocal && baseUrl.protocol === "http:", "BASE_URL must be https: outside localhost, tokens need TLS"],
    [!isLocal && env.AUTO_APPROVE, "AUTO_APPROVE must not be true outside localhost: anybody could get a token"],
    [
      env.WORKERS > 1 && env.DATABASE_URL === undefined,
      "WORKERS must be 1 without DATABASE_URL: the embedded Postgres serves one process"
    ],
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
      env.DYNAMIC_REGISTRATION === "token" && env.REGISTRATION_TOKEN === undefined,
      "REGISTRATION_TOKEN must be set for DYNAMIC_REGISTRATION=token"
    ],
    [
      env.SEARCH_PROVIDER === "searxng" && env.SEARXNG_URL === undefined,
      "SEARXNG_URL must be set for SEARCH_PROVIDER=searxng"
    ]
  ]
  return rules.filter(([broken]) => broken).map(([, problem]) => problem)
}
