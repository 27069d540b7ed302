/**
 * `/setup`, `/invitation`, `/reset` and `/recover`: a link leads somebody to a way in. The link's code is in the address's
 * fragment, which no server and no proxy sees; it is posted with each form, and spent with the last one. `/signup` takes
 * the same steps without a link.
 */

import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { goTo } from "../html/page.ts"
import type { Parameters } from "../oauth/parameters.ts"
import type { LinkCode } from "../people/links.sql.ts"
import { type Introduction, People, type WayIn } from "../people/People.ts"
import { Passkeys } from "../people/passkeys/Passkeys.ts"
import * as Argon2id from "../people/passwords/argon2id.ts"
import * as Policy from "../people/passwords/policy.ts"
import { Email, Name, type Person } from "../people/person.ts"
import { RecoveryStore } from "../people/RecoveryStore.ts"
import { Throttle } from "../people/Throttle.ts"
import { callerAddress } from "../web/clientAddress.ts"
import { askForCode, choose, type Entrance, introduce, type Known, pathOf } from "./enrolmentPages.ts"
import { NotThere, Refused } from "./errors.ts"
import { firstName, readScript, scriptAnswer } from "./passkeys.ts"
import { form, query, route, scriptRoute } from "./route.ts"
import { signIn } from "./signIn.ts"
import { returnTo, sentByUs, visit } from "./visitor.ts"

/** Whether anybody may make an account here by now: where it is said so, after the first owner. */
const isOpen = Effect.gen(function* () {
  if ((yield* ServerConfig).signUp !== "open") return yield* new NotThere()
  return yield* (yield* People).isSetUp
})

const open = Effect.fnUntraced(function* (kind: Entrance) {
  if (kind !== "signup") return yield* introduce(kind)
  if (!(yield* isOpen)) return goTo(pathOf("setup"))
  const target = returnTo((yield* query).get("return_to"))
  return (yield* visit) === undefined ? yield* introduce(kind, { returnTo: target }) : goTo(target)
})

/** Whose link it is, and who they say they are; or the form again, with what is wrong in it. */
export const readIntroduction = Effect.fnUntraced(function* (kind: Entrance, sent: Parameters) {
  const target = returnTo(sent.get("return_to"))
  const code = Redacted.make((sent.get("code") ?? "").trim())
  const throttle = yield* Throttle
  yield* throttle.code(yield* callerAddress)
  const people = yield* People
  if (kind === "signup" && !(yield* isOpen)) return yield* new NotThere()
  const link = kind === "signup" ? undefined : yield* people.look(kind, code)
  if (kind === "reset") {
    const person = yield* people.find(link?.personId ?? "")
    const { name = "", email = "" } = person ?? {}
    return { known: { code, name, email, person, returnTo: target } satisfies Known }
  }
  const values = { name: sent.get("name"), email: link?.email ?? sent.get("email") }
  const name = Schema.decodeOption(Name)(values.name ?? "")
  const email = Schema.decodeOption(Email)(values.email ?? "")
  if (name._tag === "None" || email._tag === "None") {
    const errors = {
      ...(name._tag === "None" ? { name: "A name has 1 to 100 characters, all of which can be seen." } : {}),
      ...(email._tag === "None" ? { email: "This is not an e-mail address." } : {}),
      ...(kind === "signup" ? {} : { code: "Once more, please: a code is not shown again." })
    }
    return { again: yield* introduce(kind, { values, errors, returnTo: target }) }
  }
  const known: Known = { code, name: name.value, email: email.value, person: undefined, returnTo: target }
  return { known }
})

const meet = (kind: Entrance) =>
  Effect.gen(function* () {
    yield* sentByUs
    const { known, again } = yield* readIntroduction(kind, yield* form)
    return again ?? (yield* choose(kind, known))
  })

/** Once they are in: ten recovery codes are made, unless they came back. */
export const nextOf = (kind: Entrance, target: string) =>
  kind === "reset"
    ? "/account"
    : `/account/codes${target === "/" ? "" : `?${new URLSearchParams({ return_to: target })}`}`

/** A person with the way in of their choice; or nothing has changed. */
export const letIn = <E>(
  kind: Entrance,
  code: LinkCode,
  introduction: Introduction,
  wayIn: WayIn<E>,
  address: string
) =>
  Effect.flatMap(People, (people) => {
    if (kind === "reset") return people.renew(code, wayIn, address)
    return kind === "signup"
      ? people.signUp(introduction, wayIn, address)
      : people.enrol(kind, code, introduction, wayIn, address)
  })

/**
 * Told plainly to a stranger too, who learns by it who is here: an answer that looks the same either way has to send the
 * other half by mail, and this server sends none. How often one may ask is bounded instead (`Throttle.signUp`).
 */
const TAKEN =
  "Somebody with this address is here already, or is invited. If that is you, sign in, or open the link that you were sent."

/** Before anything is made, or looked for, by nobody's leave. */
const charge = Effect.fnUntraced(function* (kind: Entrance, address: string) {
  if (kind === "signup") yield* (yield* Throttle).signUp(address)
})

const methodOf = (kind: Entrance, chosen: "password" | "passkey") => (kind === "signup" ? chosen : "link")

const withPassword = (kind: Entrance) =>
  Effect.gen(function* () {
    yield* sentByUs
    const sent = yield* form
    const { known, again } = yield* readIntroduction(kind, sent)
    if (again !== undefined) return again
    const password = Redacted.make(sent.get("password") ?? "")
    const { issuer } = yield* ServerConfig
    const surroundings = { name: known.name, email: known.email, host: new URL(issuer).hostname }
    const why = yield* Effect.catchTag(Policy.check(password, surroundings), "PasswordRefused", ({ why }) =>
      Effect.succeed(why)
    )
    if (why !== undefined) return yield* choose(kind, known, { password: why })
    const address = yield* callerAddress
    yield* charge(kind, address)
    const hash = yield* Argon2id.hash(password)
    const people = yield* People
    const introduction = { name: known.name, email: known.email, webauthnId: randomBytes(32) }
    const set = ({ id }: Person) => people.setPassword(id, hash, { id, address })
    const done = letIn(kind, known.code, introduction, set, address)
    const person = yield* Effect.catchTag(done, "EmailTaken", () => Effect.undefined)
    if (person === undefined) return yield* choose(kind, known, { email: TAKEN })
    return yield* signIn(person.id, methodOf(kind, "password"), goTo(nextOf(kind, known.returnTo)))
  })

// --- A passkey ----------------------------------------------------------------------------------------------------

/** For which link a passkey is made, without holding its code; or for which address. */
const bindingOf = (kind: Entrance, { code, email }: Known) =>
  kind === "signup" ? `sign-up ${email}` : `link ${createHash("sha256").update(Redacted.value(code)).digest("hex")}`

/** As the page of a refused form would say it. */
const introduced = Effect.fnUntraced(function* (kind: Entrance, fields: Parameters) {
  const { known } = yield* readIntroduction(kind, fields)
  return (
    known ?? (yield* new Refused({ explanation: "Your name or your e-mail address is not one. Go back and mend it." }))
  )
})

const passkeyOptions = (kind: Entrance) =>
  Effect.gen(function* () {
    const { fields } = yield* readScript
    const known = yield* introduced(kind, fields)
    const { name, email, person } = known
    const passkeys = yield* Passkeys
    const existing = person === undefined ? [] : yield* passkeys.list(person.id)
    const webauthnId = person?.webauthnId ?? randomBytes(32)
    return scriptAnswer(yield* passkeys.askToMake({ name, email, webauthnId, existing }, bindingOf(kind, known)))
  })

const withPasskey = (kind: Entrance) =>
  Effect.gen(function* () {
    const { fields, response } = yield* readScript
    const known = yield* introduced(kind, fields)
    const { code, name, email } = known
    const address = yield* callerAddress
    yield* charge(kind, address)
    const passkeys = yield* Passkeys
    const { passkey, webauthnId } = yield* passkeys.made(response, bindingOf(kind, known), yield* firstName)
    const add = ({ id }: Person) => passkeys.add(id, passkey, { id, address })
    const done = letIn(kind, code, { name, email, webauthnId }, add, address)
    const person = yield* Effect.catchTag(done, "EmailTaken", () => Effect.fail(new Refused({ explanation: TAKEN })))
    const answer = scriptAnswer({ location: nextOf(kind, known.returnTo) })
    return yield* signIn(person.id, methodOf(kind, "passkey"), answer)
  })

// --- Recovery codes -----------------------------------------------------------------------------------------------

/** A code opens one thing: the choice of a new way in. The same answer for an address that nobody has. */
const recover = Effect.gen(function* () {
  yield* sentByUs
  const sent = yield* form
  const email = (sent.get("email") ?? "").trim()
  const throttle = yield* Throttle
  const address = yield* callerAddress
  yield* throttle.code(address)
  const people = yield* People
  const recovery = yield* RecoveryStore
  const person = (yield* people.credentialsOf(email))?.person
  const nobody = "00000000-0000-4000-8000-000000000000"
  const id = person?.id ?? nobody
  const newLink = people.resetLink(id, { id, address }, "recovery code")
  const link = yield* recovery.spend(id, Redacted.make(sent.get("code") ?? ""), address, newLink)
  if (person === undefined || link === undefined) {
    return yield* askForCode({
      values: { email },
      problem: "This e-mail address and this code do not fit together, or the code was used before. Each is good once."
    })
  }
  return yield* choose("reset", { code: link, name: person.name, email: person.email, person, returnTo: "/" })
})

const KINDS = ["setup", "invitation", "reset", "signup"] as const

export const EnrolmentRoutes = HttpRouter.use(
  Effect.fn("EnrolmentRoutes")(function* (router) {
    for (const kind of KINDS) {
      yield* route(router, pathOf(kind), { GET: open(kind), POST: meet(kind) })
      yield* scriptRoute(router, `${pathOf(kind)}/passkey/options`, passkeyOptions(kind))
      yield* scriptRoute(router, `${pathOf(kind)}/passkey`, withPasskey(kind))
      yield* route(router, `${pathOf(kind)}/password`, { POST: withPassword(kind), page: pathOf(kind) })
    }
    yield* route(router, "/recover", { GET: askForCode(), POST: recover })
  })
)
