/**
 * Every environment variable, decoded once. The only module that reads `process.env` and `.env`.
 *
 * A wrong value stops the start. All wrong values are reported together, by variable name and never with the value
 * itself, which may be a secret.
 */

import { readFileSync } from "node:fs"
import { parseEnv } from "node:util"
import { Context, Effect, Layer, type Redacted, Result, Schema, SchemaIssue } from "effect"
import {
  baseUrlOf,
  contradictions,
  decode,
  type Environment,
  forChildren,
  isLocalUrl,
  secretsOf
} from "./environment.ts"
import { type OtlpConfig, otlpOf } from "./otlp.ts"
import {
  type DatabaseConfig,
  databaseOf,
  proxiesOf,
  type SearchConfig,
  type SeedClient,
  searchOf,
  seedClientOf,
  type TrustedProxies
} from "./parts.ts"
import { addressOf, withFiles } from "./platform.ts"
import { open, type ProviderConfig, providersOf } from "./providers.ts"
import { LOOPBACK } from "./values.ts"

/** The environment is unusable. Each problem is a sentence that begins with the variable it is about. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return `the configuration is not usable:\n${this.problems.map((problem) => `  - ${problem}`).join("\n")}`
  }
}

/** All in seconds. */
export interface Lifetimes {
  readonly accessToken: number
  readonly refreshToken: number
  readonly authorizationCode: number
  readonly session: number
  /** 0 is strict rotation. */
  readonly refreshReuseGrace: number
}

export interface ServerConfigShape {
  readonly port: number
  readonly host: string
  /** How many processes share the port, and which of them this one is, from 1 on. */
  readonly workers: number
  readonly worker: number
  /** The folder of the sockets that they speak to each other through. */
  readonly workerSockets: string | undefined
  /** The issuer: an origin without a trailing slash, in the one spelling used everywhere (RFC 8414 §2). */
  readonly issuer: string
  /** The protected resource: `issuer` + `/mcp` (RFC 9728 §1.2, RFC 8707 §2). */
  readonly resource: string
  readonly isLocal: boolean
  readonly database: DatabaseConfig
  /** Where several instances count together. */
  readonly redisUrl: Redacted.Redacted | undefined
  /**
   * Browser origins that may call the endpoints where bearer tokens count, and read what they answer. One list: to call
   * without reading is no use to a page, and a preflight that says one thing of an origin must not be followed by another.
   */
  readonly corsOrigins: ReadonlyArray<string>
  readonly allowedHosts: ReadonlyArray<string>
  readonly trustedProxies: TrustedProxies
  readonly cleanup: { readonly enabled: boolean; readonly intervalMinutes: number }
  /** How long it is kept what was done in each hour. */
  readonly usageRetentionDays: number
  /** For how long it is remembered what happened, and which redirect URIs were refused. */
  readonly eventsRetentionDays: number
  readonly seedClient: SeedClient | undefined
  readonly autoApprove: boolean
  /** Whether anybody may connect as the demo person while the server has no owner. */
  readonly demoConsent: boolean
  /** Who may make an account: whoever was invited, or anybody. */
  readonly signUp: Environment["SIGN_UP"]
  /** How unknown clients make themselves known. */
  readonly registration: {
    /** RFC 7591: for everybody, for holders of the initial access token, or for nobody. */
    readonly dynamic: "open" | "off" | { readonly initialAccessToken: Redacted.Redacted }
    /** Whether an https URL may be a client_id (OAuth Client ID Metadata Document). */
    readonly documents: boolean
    /** Private-use URI schemes that redirect URIs may have (RFC 8252 §7.1). */
    readonly redirectSchemes: ReadonlyArray<string>
  }
  /** What private keys in the database are sealed under, beside a key of the database's own. */
  readonly sealingKey: Redacted.Redacted | undefined
  /** Upstream OpenID providers that people may sign in through. */
  readonly providers: ReadonlyArray<ProviderConfig>
  /** How long a request may wait for the event loop, or for the database, before more are refused. */
  readonly maxDelayMs: number
  /** Whether plain MCP requests are answered without the SDK. */
  readonly fastLane: boolean
  /** What `/.well-known/openai-apps-challenge` answers. */
  readonly openaiAppsChallenge: string | undefined
  readonly lifetimes: Lifetimes
  readonly rateLimit:
    | {
        readonly authorizePerMinute: number
        readonly clientPerMinute: number
        readonly failuresPerMinute: number
        readonly registrationsPerHour: number
      }
    | undefined
  readonly log: { readonly level: Environment["LOG_LEVEL"]; readonly format: "pretty" | "json" | undefined }
  /** Where events are told, if anywhere. */
  readonly webhook: { readonly url: string; readonly secret: Redacted.Redacted } | undefined
  /** Where `/metrics` is served, if at all. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined
  /** Where logs, metrics and traces are sent, if anywhere. */
  readonly otlp: OtlpConfig | undefined
  /** Which of the tools that come along are offered; all unless said. */
  readonly builtInTools: ReadonlyArray<string> | undefined
  /** Where tools of one's own are: relative to the working directory. It need not be there unless it was said. */
  readonly toolsDir: { readonly path: string; readonly isSaid: boolean }
  /** Where the servers behind this one are described. It need not be there unless it was said. */
  readonly gatehouseFile: { readonly path: string; readonly isSaid: boolean }
  /** Where this server keeps files. */
  readonly dataDir: string
  /** All that programs which it starts get of its environment. */
  readonly childEnvironment: Readonly<Record<string, string>>
  /** The variables that are none of the server's own: what tools may read. */
  readonly secrets: Readonly<Record<string, Redacted.Redacted>>
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
  const given = Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value?.trim() ? [[name, value]] : []))
  )
  const { variables: said, problems: ofFiles } = withFiles(given)
  const address = addressOf(said)
  const present = address === undefined ? said : { BASE_URL: address, ...said }
  const { providers, problems: ofProviders } = providersOf(present)
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
        ...others.filter((problem) => !wrong.has(problem.split(" ")[0] ?? "")),
        ...ofProviders,
        ...ofFiles
      ]
    })
  }
  const problems = [...contradictions(decoded.success), ...ofProviders, ...ofFiles]
  if (problems.length > 0) return yield* new ConfigInvalid({ problems })
  return {
    ...resolve(decoded.success, providers),
    childEnvironment: forChildren(present),
    secrets: secretsOf(present)
  }
})

const resolve = (
  env: Environment,
  providers: ReadonlyArray<ProviderConfig>
): Omit<ServerConfigShape, "secrets" | "childEnvironment"> => {
  const baseUrl = baseUrlOf(env)
  const isLocal = isLocalUrl(baseUrl)
  const issuer = baseUrl.origin
  const implied = isLocal ? LOOPBACK.flatMap((host) => [`http://${host}:*`, `https://${host}:*`]) : [issuer]
  return {
    port: env.PORT,
    host: env.HOST,
    workers: env.WORKERS,
    worker: env.WORKER,
    workerSockets: env.WORKER_SOCKETS,
    issuer,
    resource: `${issuer}/mcp`,
    isLocal,
    database: databaseOf(env),
    redisUrl: env.REDIS_URL,
    corsOrigins: [...new Set([issuer, ...(env.CORS_ORIGINS ?? implied), ...(env.MCP_ALLOWED_ORIGINS ?? implied)])],
    allowedHosts: (env.MCP_ALLOWED_HOSTS ?? (isLocal ? LOOPBACK : [baseUrl.host])).map((host) => host.toLowerCase()),
    trustedProxies: proxiesOf(env.TRUST_PROXY ?? "0"),
    // One of the workers is enough for it.
    cleanup: { enabled: env.ENABLE_CLEANUP_JOB && env.WORKER === 1, intervalMinutes: env.CLEANUP_INTERVAL_MINUTES },
    usageRetentionDays: env.USAGE_RETENTION_DAYS,
    eventsRetentionDays: env.EVENTS_RETENTION_DAYS,
    seedClient: seedClientOf(env),
    autoApprove: env.AUTO_APPROVE,
    demoConsent: env.DEMO_CONSENT ?? isLocal,
    signUp: env.SIGN_UP,
    registration: {
      dynamic:
        env.REGISTRATION_TOKEN !== undefined && env.DYNAMIC_REGISTRATION === "token"
          ? { initialAccessToken: env.REGISTRATION_TOKEN }
          : env.DYNAMIC_REGISTRATION === "open"
            ? "open"
            : "off",
      documents: env.CLIENT_ID_METADATA_DOCUMENTS,
      redirectSchemes: env.REDIRECT_SCHEMES
    },
    sealingKey: env.SEALING_KEY,
    providers: env.SIGN_UP === "open" ? providers.map(open) : providers,
    maxDelayMs: env.MAX_DELAY_MS,
    fastLane: env.MCP_FAST_LANE === "on",
    openaiAppsChallenge: env.OPENAI_APPS_CHALLENGE,
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
          failuresPerMinute: env.RATE_LIMIT_FAILURES_PER_MINUTE,
          registrationsPerHour: env.RATE_LIMIT_REGISTRATIONS_PER_HOUR
        }
      : undefined,
    log: { level: env.LOG_LEVEL, format: env.LOG_FORMAT },
    webhook:
      env.EVENTS_WEBHOOK_URL === undefined || env.EVENTS_WEBHOOK_SECRET === undefined
        ? undefined
        : { url: env.EVENTS_WEBHOOK_URL, secret: env.EVENTS_WEBHOOK_SECRET },
    metrics: env.METRICS_PORT === undefined ? undefined : { host: env.METRICS_HOST, port: env.METRICS_PORT },
    otlp: otlpOf(env),
    builtInTools: env.BUILT_IN_TOOLS?.filter((name) => name !== "none"),
    toolsDir: { path: env.TOOLS_DIR ?? "tools", isSaid: env.TOOLS_DIR !== undefined },
    gatehouseFile: { path: env.GATEHOUSE_FILE ?? "gatehouse.json", isSaid: env.GATEHOUSE_FILE !== undefined },
    dataDir: env.DATA_DIR,
    weather: { geocodingUrl: env.WEATHER_GEOCODING_URL, forecastUrl: env.WEATHER_FORECAST_URL },
    search: searchOf(env)
  }
}
