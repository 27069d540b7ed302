/** Which person somebody is whom an upstream provider has proved, and whether they may come in. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { ProviderConfig } from "../config/providers.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import { operation, type StoreUnavailable } from "../database/query.ts"
import { type Denied, type LinkedIdentity, makeIdentities } from "./identities.sql.ts"
import type { Actor } from "./people.sql.ts"
import type { Person } from "./person.ts"
import { type Identity, isAdmitted } from "./upstream/identity.ts"

/** The provider knows them, and this server does not let them in. The explanation is for the person. */
export class NotAdmitted extends Schema.TaggedError<NotAdmitted>()("NotAdmitted", { explanation: Schema.String }) {}
/** It is somebody's already. */
export class IdentityTaken extends Schema.TaggedError<IdentityTaken>()("IdentityTaken", {}) {}

const explain = (why: Denied["why"], { label }: ProviderConfig, { email, emailVerified }: Identity): string => {
  const whom = email === undefined ? `your account at ${label}` : `${email} at ${label}`
  switch (why) {
    case "disabled":
      return "You may not sign in here any more. Ask an owner of this server."
    case "no address":
      return `${label} tells no e-mail address of yours, and you need one here. Ask an owner of this server.`
    case "address taken":
      return `Somebody with the address ${email} is here already, or is invited. If that is you, open the link of the invitation; or sign in as you did before, then link ${label} on your account page.`
    case "nobody here yet":
      return "This server has no owner yet."
    case "unknown":
      return emailVerified
        ? `Nobody has invited ${whom}. If you are here already, sign in as you did before, then link ${label} on your account page.`
        : `Nobody here knows ${whom}, and ${label} does not vouch for an address of yours. If you were invited, open the link of the invitation and choose ${label} there.`
  }
}

type Store<A, E = never> = Effect.Effect<A, E | StoreUnavailable>
type Provided = Pick<Identity, "issuer" | "subject" | "email">

export class Identities extends Context.Service<
  Identities,
  {
    /** The person to sign in. Whoever was invited, or is let in by the provider's rule, is made one. */
    readonly admit: (provider: ProviderConfig, identity: Identity, address: string) => Store<Person, NotAdmitted>
    readonly list: (personId: string) => Store<ReadonlyArray<LinkedIdentity>>
    /** Another way in. May stand in the transaction that makes the person. */
    readonly link: (personId: string, identity: Provided, actor: Actor) => Store<void, IdentityTaken>
    /** Whether it is gone: nobody's last way in ever is. */
    readonly unlink: (personId: string, identity: Pick<Identity, "issuer" | "subject">, actor: Actor) => Store<boolean>
  }
>()("gatehouse/people/Identities") {
  static readonly layer = Layer.effect(
    Identities,
    Effect.gen(function* () {
      const { issuer, providers } = yield* ServerConfig
      const { add, admit, list, remove } = makeIdentities(yield* SqlClient.SqlClient)
      const here = { rpId: new URL(issuer).hostname, issuers: providers.map((provider) => provider.issuer) }
      return Identities.of({
        admit: Effect.fn("Identities.admit")(function* (provider, identity, address) {
          const rules = { isAdmitted: isAdmitted(provider, identity), matchesEmail: provider.matchesEmail }
          return yield* Effect.catchTag(
            operation(admit(identity, rules, address)),
            "Denied",
            ({ why }) => new NotAdmitted({ explanation: explain(why, provider, identity) })
          )
        }),
        list: (personId) => operation(list(personId)),
        link: (personId, identity, actor) =>
          Effect.flatMap(operation(add(personId, identity, actor, false)), (isAdded) =>
            isAdded ? Effect.void : Effect.fail(new IdentityTaken())
          ),
        unlink: (personId, identity, actor) => operation(remove(personId, identity, here, actor))
      })
    })
  )
}
