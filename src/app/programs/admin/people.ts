/** `admin people …` and `admin owner link`. */

import { Console, Effect, Option, Redacted, Schema } from "effect"
import { Argument, Command, Flag, Prompt } from "effect/cli"
import { ServerConfig } from "../../../config/ServerConfig.ts"
import { People } from "../../../people/People.ts"
import { Email } from "../../../people/person.ts"
import { json, NotDone, OPERATOR, printDone, printRows } from "./print.ts"

const email = Argument.String("email").pipe(Argument.withDescription("whose"))
const anybody = Argument.String("person").pipe(Argument.withDescription("an e-mail address, or an id"))
const role = Flag.Literals("role", ["member", "owner"]).pipe(
  Flag.withDescription("what they may do"),
  Flag.withDefault("member")
)

/** The person with this sign-in name, or this id. */
export const personOf = Effect.fnUntraced(function* (who: string) {
  const people = yield* People
  const found = (yield* people.credentialsOf(who))?.person ?? (yield* people.find(who))
  return found ?? (yield* new NotDone({ message: `nobody has the address ${who}` }))
})

const linkOf = Effect.fnUntraced(function* (kind: string, code: Redacted.Redacted) {
  const { issuer } = yield* ServerConfig
  return `${issuer}/${kind}#${Redacted.value(code)}`
})

const list = Command.make(
  "list",
  { json },
  Effect.fn("people list")(function* ({ json }) {
    const people = yield* (yield* People).list
    const rows = people.map(({ email, name, role, isDisabled, createdAt, id }) => ({
      email,
      name,
      role,
      state: isDisabled ? "disabled" : "active",
      since: createdAt,
      id
    }))
    yield* printRows(json, ["email", "name", "role", "state", "since", "id"], rows)
  })
).pipe(Command.withDescription("Whoever may sign in"))

const invite = Command.make(
  "invite",
  { email, role, json },
  Effect.fn("people invite")(function* ({ email, role, json }) {
    const address = Schema.decodeOption(Email)(email)
    if (Option.isNone(address)) return yield* new NotDone({ message: `${email} is not an e-mail address` })
    const people = yield* People
    const code = yield* Effect.catchTag(people.invite(address.value, role, OPERATOR), "EmailTaken", () =>
      Effect.fail(new NotDone({ message: `somebody with the address ${email} is here already` }))
    )
    const link = yield* linkOf("invitation", code)
    yield* printDone(json, { email: address.value, role, link }, `${link}\nworks once, within seven days`)
  })
).pipe(Command.withDescription("Make an invitation: its link is shown once"))

const withdraw = Command.make(
  "withdraw",
  { email, json },
  Effect.fn("people withdraw")(function* ({ email, json }) {
    const was = yield* (yield* People).withdraw(email, OPERATOR)
    if (!was) return yield* new NotDone({ message: `${email} is not invited` })
    yield* printDone(json, { email }, `the invitation of ${email} is withdrawn`)
  })
).pipe(Command.withDescription("Take an invitation back"))

const lastOwner = () => Effect.fail(new NotDone({ message: "nobody would own this server any more" }))

const disable = Command.make(
  "disable",
  { email, json },
  Effect.fn("people disable")(function* ({ email, json }) {
    const person = yield* personOf(email)
    yield* Effect.catchTag((yield* People).disable(person.id, OPERATOR), "LastOwner", lastOwner)
    yield* printDone(
      json,
      { email: person.email, state: "disabled" },
      `${person.email} is disabled, and all that they began has ended`
    )
  })
).pipe(Command.withDescription("Shut somebody out at once"))

const enable = Command.make(
  "enable",
  { email, json },
  Effect.fn("people enable")(function* ({ email, json }) {
    const person = yield* personOf(email)
    yield* (yield* People).enable(person.id, OPERATOR)
    yield* printDone(json, { email: person.email, state: "active" }, `${person.email} may sign in`)
  })
).pipe(Command.withDescription("Let somebody in again"))

const changeRole = Command.make(
  "role",
  { email, role: Argument.Literals("role", ["member", "owner"]), json },
  Effect.fn("people role")(function* ({ email, role, json }) {
    const person = yield* personOf(email)
    yield* Effect.catchTag((yield* People).setRole(person.id, role, OPERATOR), "LastOwner", lastOwner)
    yield* printDone(json, { email: person.email, role }, `${person.email} is ${role} now`)
  })
).pipe(Command.withDescription("Say what somebody may do"))

export const reset = Command.make(
  "reset",
  { email, json },
  Effect.fn("people reset")(function* ({ email, json }) {
    const person = yield* personOf(email)
    const code = yield* (yield* People).resetLink(person.id, OPERATOR, "owner")
    if (code === undefined) return yield* new NotDone({ message: `${person.email} is disabled` })
    const link = yield* linkOf("reset", code)
    yield* printDone(json, { email: person.email, link }, `${link}\nworks once, within half an hour`)
  })
).pipe(Command.withDescription("Make a link to a new way to sign in: it is shown once"))

const exportData = Command.make(
  "export",
  { person: anybody },
  Effect.fn("people export")(function* ({ person }) {
    const { id } = yield* personOf(person)
    const people = yield* People
    yield* people.record({ event: "person_exported", personId: id })
    yield* Console.log(JSON.stringify(yield* people.dataOf(id), undefined, 2))
  })
).pipe(Command.withDescription("All that is known of somebody, in JSON, without what opens anything"))

const yes = Flag.Boolean("yes").pipe(Flag.withDescription("do not ask"), Flag.withDefault(false))

const remove = Command.make(
  "delete",
  { person: anybody, yes, json },
  Effect.fn("people delete")(function* ({ person, yes, json }) {
    const { id, email } = yield* personOf(person)
    const message = `Delete ${email}, and all that is known of them? It cannot be undone`
    if (!yes && !process.stdin.isTTY) return yield* new NotDone({ message: `${message}: say --yes` })
    if (!yes && !(yield* Prompt.run(Prompt.Confirm({ message })))) return
    yield* Effect.catchTag((yield* People).remove(id, OPERATOR), "LastOwner", lastOwner)
    yield* printDone(json, { email, state: "deleted" }, `${email} is deleted, and all that they began has ended`)
  })
).pipe(Command.withDescription("Forget somebody: their account, sessions, events and sign-ins elsewhere"))

export const people = Command.make("people").pipe(
  Command.withDescription("Whoever may sign in"),
  Command.withSubcommands([list, invite, withdraw, disable, enable, changeRole, reset, exportData, remove])
)

export const ownerLink = Command.make(
  "link",
  { json },
  Effect.fn("owner link")(function* ({ json }) {
    const code = yield* (yield* People).setupLink
    if (code === undefined) {
      return yield* new NotDone({
        message: "this server has an owner. For a new way in: npm run -s admin -- people reset <email>"
      })
    }
    yield* (yield* People).record({ event: "setup_link_made" })
    const link = yield* linkOf("setup", code)
    yield* printDone(json, { link }, `${link}\nworks once, within an hour; a link from before is dead`)
  })
).pipe(Command.withDescription("Make a link to set the server up: it is shown once"))

export const owner = Command.make("owner").pipe(
  Command.withDescription("The first owner"),
  Command.withSubcommands([ownerLink])
)
