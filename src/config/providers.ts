/** Upstream OpenID providers: `OIDC_PROVIDERS=google,corp`, and of each name `OIDC_<NAME>_ISSUER` and so on. */

import { type Redacted, Result, Schema, SchemaIssue } from "effect"
import { isLocalUrl } from "./environment.ts"
import { flag, secret, split, text, withDefault } from "./values.ts"

/** Whom a provider lets in beside those who are known, or invited. */
export type Admission =
  | { readonly _tag: "Invited" }
  | { readonly _tag: "Anybody" }
  | { readonly _tag: "Domain"; readonly domains: ReadonlyArray<string> }
  | { readonly _tag: "Claim"; readonly claim: string; readonly value: string }

export interface ProviderConfig {
  /** Stands in addresses: `/login/<name>`. */
  readonly name: string
  /** What people call it: "Sign in with <label>". */
  readonly label: string
  /** Exactly as the provider writes it, with its slash or without (OpenID Connect Core §3.1.3.7). */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
  readonly scope: string
  /** Whether somebody with this verified address may be taken for the person who has it here. */
  readonly matchesEmail: boolean
  readonly admits: Admission
}

/** Where anybody may sign up, also through a provider; one that has a rule of its own keeps it. */
export const open = (provider: ProviderConfig): ProviderConfig =>
  provider.admits._tag === "Invited" ? { ...provider, admits: { _tag: "Anybody" } } : provider

const GOOGLE = "https://accounts.google.com"
/** Accounts of Google are one service for everybody: whose address it may vouch for is a matter of its own. */
export const isGoogle = ({ issuer }: Pick<ProviderConfig, "issuer">): boolean => issuer === GOOGLE

const PRESETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  google: { ISSUER: GOOGLE, LABEL: "Google" }
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/
const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/

const isIssuer = (value: string) => {
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && isLocalUrl(url))
  return isSafe && !/[?#]/.test(value) && url.username === "" && url.password === ""
}

const admissionOf = (value: string): Admission | undefined => {
  const [, kind, rest = ""] = /^(domain|claim):(.+)$/.exec(value) ?? []
  if (value === "invited") return { _tag: "Invited" }
  if (kind === "domain") {
    const domains = split(rest.toLowerCase())
    return domains.length > 0 && domains.every((domain) => DOMAIN.test(domain))
      ? { _tag: "Domain", domains }
      : undefined
  }
  const [, claim, expected] = /^([^=\s]+)=(.+)$/.exec(rest) ?? []
  return claim !== undefined && expected !== undefined ? { _tag: "Claim", claim, value: expected } : undefined
}

const Provider = Schema.Struct({
  ISSUER: text(
    isIssuer,
    "must be an https URL without query (http on localhost alone), exactly as the provider writes it"
  ),
  CLIENT_ID: Schema.String,
  CLIENT_SECRET: secret,
  LABEL: Schema.String,
  ADMIT: withDefault(
    text(
      (value) => admissionOf(value) !== undefined,
      "must be invited, domain:example.com,example.org or claim:groups=staff"
    ),
    "invited"
  ),
  MATCH_EMAIL: withDefault(flag, false),
  SCOPE: withDefault(
    text((value) => value.split(" ").includes("openid"), "must contain openid"),
    "openid profile email"
  )
})
const decodeProvider = Schema.decodeUnknownResult(Provider, { errors: "all" })
const KEYS = Object.keys(Provider.fields)

type Variables = Readonly<Record<string, string | undefined>>

const prefixOf = (name: string) => `OIDC_${name.toUpperCase().replaceAll("-", "_")}_`

/** One provider, or what is wrong with it: sentences that begin with the variable they are about. */
const providerOf = (name: string, variables: Variables): ProviderConfig | ReadonlyArray<string> => {
  const prefix = prefixOf(name)
  const own = KEYS.flatMap((key) => {
    const value = variables[prefix + key]
    return value === undefined ? [] : [[key, value] as const]
  })
  const decoded = decodeProvider({ LABEL: name, ...PRESETS[name], ...Object.fromEntries(own) })
  if (Result.isFailure(decoded)) {
    const { issues } = SchemaIssue.makeFormatterStandardSchemaV1()(decoded.failure.issue)
    return issues.map(({ path, message }) => {
      const key = String(path?.[0])
      return `${prefix}${key} ${variables[prefix + key] === undefined ? `must be set for ${name} in OIDC_PROVIDERS` : message}`
    })
  }
  const { ISSUER, CLIENT_ID, CLIENT_SECRET, LABEL, ADMIT, MATCH_EMAIL, SCOPE } = decoded.success
  const admits = admissionOf(ADMIT) ?? { _tag: "Invited" }
  if (!SCOPE.split(" ").includes("email") && (MATCH_EMAIL || admits._tag === "Domain")) {
    return [`${prefix}SCOPE must contain email: who may come in is told by the address`]
  }
  return {
    name,
    label: LABEL,
    issuer: ISSUER,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    scope: SCOPE,
    matchesEmail: MATCH_EMAIL,
    admits
  }
}

const isRepeated = (value: string, index: number, values: ReadonlyArray<string>) => values.indexOf(value) < index

/** All that are configured, or everything that is wrong with them. Only variables that are set are given. */
export const providersOf = (
  variables: Variables
): { readonly providers: ReadonlyArray<ProviderConfig>; readonly problems: ReadonlyArray<string> } => {
  const names = split(variables.OIDC_PROVIDERS ?? "")
  if (!names.every((name) => NAME.test(name)) || names.some(isRepeated)) {
    const problem = "OIDC_PROVIDERS must list names such as google,corp, each once, in small letters, digits and -"
    return { providers: [], problems: [problem] }
  }
  const known = ["OIDC_PROVIDERS", ...names.flatMap((name) => KEYS.map((key) => prefixOf(name) + key))]
  // A variable that nothing reads is a provider forgotten, or a word misspelt.
  const strays = Object.keys(variables).filter(
    (name) => name.startsWith("OIDC_") && variables[name] !== undefined && !known.includes(name)
  )
  const found = names.map((name) => providerOf(name, variables))
  const providers = found.filter((one): one is ProviderConfig => "issuer" in one)
  const problems = [
    ...found.flatMap((one) => ("issuer" in one ? [] : one)),
    ...strays.map((name) => `${name} belongs to no provider in OIDC_PROVIDERS, or is none of ${KEYS.join(", ")}`),
    // A person is their issuer and subject: two ways to the same would let either speak for the other.
    ...providers
      .filter((_, index) =>
        isRepeated(
          providers[index]?.issuer ?? "",
          index,
          providers.map(({ issuer }) => issuer)
        )
      )
      .map(({ name }) => `${prefixOf(name)}ISSUER must not be that of another provider`)
  ]
  return { providers, problems }
}
