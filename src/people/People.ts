/** Whoever may sign in, what they may do, and how they come to be here. */

import { Context, Effect, Layer, type Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../config/ServerConfig.ts"
import { operation, type Refusal, type StoreUnavailable } from "../database/query.ts"
import { endSessionsOf } from "../oauth/grants/sessions.sql.ts"
import { DEMO_SUBJECT } from "../oauth/subject.ts"
import { EVERYTHING, Revocations } from "../oauth/tokens/Revocations.ts"
import {
  type EventFilter,
  type EventRow,
  type EventsAfter,
  makeEvents,
  type NewEvent,
  recordEvent
} from "./events.sql.ts"
import { type Link, type LinkCode, type LinkKind, makeLinks } from "./links.sql.ts"
import { type Actor, hold, makePeople, type NewPerson } from "./people.sql.ts"
import type { Person, Role } from "./person.ts"
import { makePersonData, type PersonData } from "./personData.sql.ts"
import { makePeopleSweep, type PeopleSwept } from "./sweep.sql.ts"

/** The link was used, has expired, or never was. */
export class LinkSpent extends Schema.TaggedError<LinkSpent>()("LinkSpent", {}) {}
/** Somebody has this address here already, or was invited by it. */
export class EmailTaken extends Schema.TaggedError<EmailTaken>()("EmailTaken", {}) {}
/** Nobody would own the server any more. */
export class LastOwner extends Schema.TaggedError<LastOwner>()("LastOwner", {}) {}

/** Who someone says that they are when they first come in; an invitation has the address already. */
export interface Introduction {
  readonly name: string
  readonly email: string
  readonly webauthnId: Uint8Array
}

/** Writes how a person will sign in, in the transaction that lets them. */
export type WayIn<E> = (person: Person) => Effect.Effect<void, E | StoreUnavailable>

type Store<A, E = never> = Effect.Effect<A, E | StoreUnavailable>

export class People extends Context.Service<
  People,
  {
    /** Whether the server was set up: it has an owner then, for ever. */
    readonly isSetUp: Store<boolean>
    readonly find: (id: string) => Store<Person | undefined>
    /** Whose sign-in name this is, with the hash of their password (a PHC string) if they have one. */
    readonly credentialsOf: (
      email: string
    ) => Store<{ readonly person: Person; readonly password: Redacted.Redacted | undefined } | undefined>
    readonly list: Store<ReadonlyArray<Person>>
    readonly rename: (id: string, name: string) => Store<void>
    /** Ends all other browsers, and whatever apps were granted (RFC 9700 §4.14.2). `password` is a PHC string. */
    readonly setPassword: (id: string, password: Redacted.Redacted, actor: Actor, keptBrowser?: string) => Store<void>
    /** The same password under costlier parameters, unless it was changed meanwhile. */
    readonly rehash: (id: string, before: Redacted.Redacted, password: Redacted.Redacted) => Store<void>
    readonly setRole: (id: string, role: Role, actor: Actor) => Store<void, LastOwner>
    /** Ends all that they began, on every instance with the next request. */
    readonly disable: (id: string, actor: Actor) => Store<void, LastOwner>
    readonly enable: (id: string, actor: Actor) => Store<void>
    /** All that is known of a person, without what opens anything; nothing for one who is not here. */
    readonly dataOf: (id: string) => Store<PersonData | undefined>
    /** Ends all that they began, as `disable` does, and forgets them; that it was done is all that stays. */
    readonly remove: (id: string, actor: Actor) => Store<void, LastOwner>
    /** Ends all other browsers, and whatever apps were granted. */
    readonly signOutEverywhere: (id: string, actor: Actor, keptBrowser?: string) => Store<void>
    /** Whether they may still let apps in; in a transaction, until its end. */
    readonly vouch: (id: string) => Store<boolean>

    /** A new link to set the server up, which is the only one; none once that is done. */
    readonly setupLink: Store<Redacted.Redacted | undefined>
    readonly invite: (email: string, role: Role, actor: Actor) => Store<Redacted.Redacted, EmailTaken>
    readonly invitations: Store<ReadonlyArray<Link>>
    /** Whether there was such an invitation. */
    readonly withdraw: (email: string, actor: Actor) => Store<boolean>
    /** A link to a new way to sign in; none for a person who is disabled. */
    readonly resetLink: (
      id: string,
      actor: Actor,
      why: "owner" | "recovery code"
    ) => Store<Redacted.Redacted | undefined>
    /** What a link opens. Nothing is written. */
    readonly look: (kind: LinkKind, code: Redacted.Redacted) => Store<Link, LinkSpent>
    /**
     * Follows a link of set-up or invitation: the person is there, with a way in, or nothing has changed. The first one ends
     * what anybody was granted before.
     */
    readonly enrol: <E>(
      kind: "setup" | "invitation",
      code: LinkCode,
      introduction: Introduction,
      wayIn: WayIn<E>,
      address: string
    ) => Store<Person, LinkSpent | EmailTaken | Refusal<E>>
    /** The same without a link, for a member whose address nobody vouches for. Whether that may be is the caller's to know. */
    readonly signUp: <E>(
      introduction: Introduction,
      wayIn: WayIn<E>,
      address: string
    ) => Store<Person, EmailTaken | Refusal<E>>
    /** Follows a link of reset: every browser and app is out and `wayIn` is written, or nothing has changed. */
    readonly renew: <E>(code: LinkCode, wayIn: WayIn<E>, address: string) => Store<Person, LinkSpent | Refusal<E>>

    /** Deletes at most `batch` rows of each kind that nobody can use any more, and counts them. */
    readonly sweep: (batch: number) => Store<PeopleSwept>
    readonly record: (event: NewEvent) => Store<void>
    readonly events: (filter: EventFilter) => Store<ReadonlyArray<EventRow>>
    /** What happened, in its order, some seconds after it did: whoever goes on after the last one misses none. */
    readonly eventsAfter: (filter: EventsAfter) => Store<ReadonlyArray<EventRow>>
  }
>()("gatehouse/people/People") {
  static readonly layer = Layer.effect(
    People,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const people = makePeople(sql)
      const links = makeLinks(sql)
      const events = makeEvents(sql)
      const data = makePersonData(sql)
      const sweep = makePeopleSweep(sql, (yield* ServerConfig).eventsRetentionDays)
      // The other instances hear it from the database; this one need not wait for that.
      const { telling } = yield* Revocations
      const shutsOut = <A, E>(change: Effect.Effect<A, E>) => telling<A>(EVERYTHING)(change)

      let isSetUp = false
      const notice = (found: boolean) =>
        Effect.sync(() => {
          isSetUp = found
        })
      const noOwnerLeft = (isDone: boolean) => (isDone ? Effect.void : Effect.fail(new LastOwner()))

      const comeIn = Effect.fnUntraced(function* <E>(
        added: NewPerson,
        wayIn: WayIn<E>,
        event: string,
        address: string
      ) {
        const id = yield* people.insert(added)
        const person = id && (yield* people.find(id))
        if (!person) return yield* new EmailTaken()
        yield* wayIn(person)
        const { role } = person
        yield* recordEvent(sql, { event, personId: person.id, actorId: person.id, address, detail: { role } })
        return person
      })

      const enrol = Effect.fn("People.enrol")(function* <E>(
        kind: "setup" | "invitation",
        code: LinkCode,
        { name, email, webauthnId }: Introduction,
        wayIn: WayIn<E>,
        address: string
      ) {
        const link = yield* links.spend(kind, code)
        if (link === undefined) return yield* new LinkSpent()
        // A link that was made while the first owner came in is for nobody.
        if (kind === "setup" && !(yield* people.nobodyYet)) return yield* new LinkSpent()
        const role = link.role ?? "owner"
        // The owner vouches: for an address that was invited, and for their own.
        const added = { name, email: link.email ?? email, role, emailVerifiedBy: "owner", webauthnId }
        const person = yield* comeIn(added, wayIn, kind === "setup" ? "server_set_up" : "invitation_followed", address)
        if (kind === "setup") yield* endSessionsOf(sql, DEMO_SUBJECT, "the server has an owner now")
        return person
      })

      const signUp = <E>(introduction: Introduction, wayIn: WayIn<E>, address: string) =>
        comeIn({ ...introduction, role: "member", emailVerifiedBy: undefined }, wayIn, "person_signed_up", address)

      const renew = Effect.fn("People.renew")(function* <E>(code: LinkCode, wayIn: WayIn<E>, address: string) {
        const found = yield* links.look("reset", code)
        // The person before the link, in the order of `disable`.
        if (found?.personId !== undefined) yield* hold(sql, found.personId)
        const link = yield* links.spend("reset", code)
        const person = link?.personId && (yield* people.find(link.personId))
        if (!person) return yield* new LinkSpent()
        // Whoever had the old ways in is out.
        yield* people.signOut(person.id, { id: person.id, address })
        yield* wayIn(person)
        yield* recordEvent(sql, { event: "way_in_renewed", personId: person.id, actorId: person.id, address })
        return person
      })

      // A refusal rolls back like a failure, and is no failure of the database.
      const atOnce = <A, E>(effect: Effect.Effect<A, E>) => sql.withTransaction(effect).pipe(Effect.uninterruptible)

      return People.of({
        isSetUp: Effect.suspend(() =>
          isSetUp ? Effect.succeed(true) : Effect.tap(operation(people.hasOwner), notice)
        ),
        find: (id) => operation(people.find(id)),
        credentialsOf: (email) => operation(people.credentialsOf(email)),
        list: operation(people.list),
        rename: (id, name) => Effect.asVoid(operation(people.rename(id, name))),
        setPassword: (...given) => shutsOut(operation(people.setPassword(...given))),
        rehash: (...given) => Effect.asVoid(operation(people.rehash(...given))),
        setRole: (...given) => Effect.flatMap(operation(people.setRole(...given)), noOwnerLeft),
        disable: (...given) => shutsOut(Effect.flatMap(operation(people.disable(...given)), noOwnerLeft)),
        enable: (...given) => operation(people.enable(...given)),
        dataOf: (id) => operation(data.read(id)),
        remove: (...given) => shutsOut(Effect.flatMap(operation(data.remove(...given)), noOwnerLeft)),
        signOutEverywhere: (...given) => shutsOut(operation(people.signOut(...given))),
        vouch: (id) => operation(people.vouch(id)),
        setupLink: operation(links.setup()),
        invite: (...given) =>
          Effect.flatMap(operation(links.invite(...given)), (code) =>
            code === undefined ? Effect.fail(new EmailTaken()) : Effect.succeed(code)
          ),
        invitations: operation(links.invitations),
        withdraw: (...given) => operation(links.withdraw(...given)),
        resetLink: (...given) => operation(links.reset(...given)),
        look: (...given) =>
          Effect.flatMap(operation(links.look(...given)), (link) =>
            link === undefined ? Effect.fail(new LinkSpent()) : Effect.succeed(link)
          ),
        enrol: (...given) => shutsOut(operation(atOnce(enrol(...given)))),
        signUp: (...given) => operation(atOnce(signUp(...given))),
        renew: (...given) => shutsOut(operation(atOnce(renew(...given)))),
        sweep: (batch) => operation(sweep(batch)),
        record: (event) => Effect.asVoid(operation(recordEvent(sql, event))),
        events: (filter) => operation(events.list(filter)),
        eventsAfter: (filter) => operation(events.after(filter))
      })
    })
  )
}
