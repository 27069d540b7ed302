/** Who somebody is at an upstream provider, as far as the provider has proved it, and whom it lets in by that. */

import { Option, Schema } from "effect"
import { isGoogle, type ProviderConfig } from "../../config/providers.ts"
import { Email, Name } from "../person.ts"

type Claims = Readonly<Record<string, unknown>>

/** The two first are who it is (OpenID Connect Core §5.7, ASVS 10.5.2); an address is only told, and may change hands. */
export interface Identity {
  readonly issuer: string
  readonly subject: string
  readonly email: string | undefined
  /** Whether the provider vouches that the address is this person's now. */
  readonly emailVerified: boolean
  readonly name: string | undefined
  readonly claims: Claims
}

/**
 * Google checks an address once. It speaks for it ever after only where the mailbox is its own, or the domain is one that
 * it hosts (https://developers.google.com/identity/gsi/web/guides/verify-google-id-token).
 */
const vouches = (provider: ProviderConfig, claims: Claims, email: string) =>
  claims.email_verified === true &&
  (!isGoogle(provider) || typeof claims.hd === "string" || /@(gmail|googlemail)\.com$/i.test(email))

/** From the claims of an ID token that was verified, with those of userinfo where it lacks them. */
export const identityOf = (provider: ProviderConfig, subject: string, claims: Claims): Identity => {
  const email = Option.getOrUndefined(Schema.decodeUnknownOption(Email)(claims.email))
  return {
    issuer: provider.issuer,
    subject,
    email,
    emailVerified: email !== undefined && vouches(provider, claims, email),
    name: Option.getOrUndefined(Schema.decodeUnknownOption(Name)(claims.name)),
    claims
  }
}

/** The domain that somebody belongs to: Google says which, since anybody may have an account there with any address. */
const domainOf = (provider: ProviderConfig, { email = "", claims }: Identity) =>
  String(isGoogle(provider) ? claims.hd : email.split("@").at(-1)).toLowerCase()

/** Whether a stranger may come in by the provider's rule. */
export const isAdmitted = (provider: ProviderConfig, identity: Identity): boolean => {
  const { admits } = provider
  if (admits._tag === "Invited") return false
  if (admits._tag === "Anybody") return true
  if (admits._tag === "Domain") {
    return identity.emailVerified && admits.domains.includes(domainOf(provider, identity))
  }
  const found = identity.claims[admits.claim]
  return (Array.isArray(found) ? found : [found]).some((value) => value === admits.value)
}
