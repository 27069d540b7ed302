/**
 * `/setup`, `/invitation`, `/reset` and `/recover`: a link leads somebody to a way in. The link's code is in the address's
 * fragment, which no server and no proxy sees; it is posted with each form, and spent with the last one.
 */

import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { goTo } from "../html/page.ts"
import type { Parameters } from "../oauth/parameters.ts"
import type { LinkKind } from "../people/links.sql.ts"
import { People } from "../people/People.ts"
import { Passkeys } from "../people/passkeys/Passkeys.ts"
import * as Argon2id from "../people/passwords/argon2id.ts"
import * as Policy from "../people/passwords/policy.ts"
import { Email, Name, type Person } from "../people/person.ts"
import { RecoveryStore } from "../people/RecoveryStore.ts"
import { Throttle } from "../people/Throttle.ts"
import { callerAddress } from "../web/clientAddress.ts"
import { askForCode, choose, introduce, type Known, pathOf } from "./enrolmentPages.ts"
import { Refused } from "./errors.ts"
import { firstName, readScript, scriptAnswer } from "./passkeys.ts"
import { form, route, scriptRoute } from "./route.ts"
import { signIn } from "./signIn.ts"
import { sentByUs } from "./visitor.ts"

/** Whose link it is, and who they say they are; or the form again, with what is wrong in it. */
export const readIntroduction = Effect.fnUntraced(function* (kind: LinkKind, sent: Parameters) {
  const code = Redacted.make((sent.get("code") ?? "").trim())
  const throttle = yield* Throttle
  yield* throttle.code(yield* callerAddress)
  const people = yield* People
  const link = yield* people.look(kind, code)
  if (kind === "reset") {
    const person = yield* people.find(link.personId ?? "")
    return { known: { code, name: person?.name ?? "", email: person?.email ?? "", person } satisfies Known }
  }
  const values = { name: sent.get("name"), email: link.email ?? sent.get("email") }
  const name = Schema.decodeOption(Name)(values.name ?? "")
  const email = Schema.decodeOption(Email)(values.email ?? "")
  if (name._tag === "None" || email._tag === "None") {
    const errors = {
      ...(name._tag === "None" ? { name: "A name has 1 to 100 characters, all of which can be seen." } : {}),
      ...(email._tag === "None" ? { email: "This is not an e-mail address." } : {}),
      code: "Once more, please: a code is not shown again."
    }
    return { again: yield* introduce(kind, { values, errors }) }
  }
  return { known: { code, name: name.value, email: email.value, person: undefined } satisfies Known }
})

const meet = (kind: LinkKind) =>
  Effect.gen(function* () {
    yield* sentByUs
    const { known, again } = yield* readIntroduction(kind, yield* form)
    return again ?? (yield* choose(kind, known))
  })

/** Once they are in: ten recovery codes are made, unless they came back. */
export const nextOf = (kind: LinkKind) => (kind === "reset" ? "/account" : "/account/codes")

const withPassword = (kind: LinkKind) =>
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
    const hash = yield* Argon2id.hash(password)
    const people = yield* People
    const address = yield* callerAddress
    const done =
      kind === "reset"
        ? people.renew(known.code, ({ id }) => people.setPassword(id, hash, { id, address }), address)
        : people.enrol(
            kind,
            known.code,
            { name: known.name, email: known.email, webauthnId: randomBytes(32) },
            ({ id }) => people.setPassword(id, hash, { id, address }),
            address
          )
    const person = yield* Effect.catchTag(done, "EmailTaken", () => Effect.undefined)
    if (person === undefined) {
      return yield* choose(kind, known, { email: "Somebody with this address is here already." })
    }
    return yield* signIn(person.id, "link", goTo(nextOf(kind)))
  })

// --- A passkey ----------------------------------------------------------------------------------------------------

/** For which link a passkey is made, without holding its code. */
const bindingOf = (code: Redacted.Redacted) => `link ${createHash("sha256").update(Redacted.value(code)).digest("hex")}`

/** As the page of a refused form would say it. */
const introduced = Effect.fnUntraced(function* (kind: LinkKind, fields: Parameters) {
  const { known } = yield* readIntroduction(kind, fields)
  return (
    known ?? (yield* new Refused({ explanation: "Your name or your e-mail address is not one. Go back and mend it." }))
  )
})

const passkeyOptions = (kind: LinkKind) =>
  Effect.gen(function* () {
    const { fields } = yield* readScript
    const { code, name, email, person } = yield* introduced(kind, fields)
    const passkeys = yield* Passkeys
    const existing = person === undefined ? [] : yield* passkeys.list(person.id)
    const webauthnId = person?.webauthnId ?? randomBytes(32)
    return scriptAnswer(yield* passkeys.askToMake({ name, email, webauthnId, existing }, bindingOf(code)))
  })

const withPasskey = (kind: LinkKind) =>
  Effect.gen(function* () {
    const { fields, response } = yield* readScript
    const { code, name, email } = yield* introduced(kind, fields)
    const passkeys = yield* Passkeys
    const { passkey, webauthnId } = yield* passkeys.made(response, bindingOf(code), yield* firstName)
    const people = yield* People
    const address = yield* callerAddress
    const add = ({ id }: Person) => passkeys.add(id, passkey, { id, address })
    const done =
      kind === "reset"
        ? people.renew(code, add, address)
        : people.enrol(kind, code, { name, email, webauthnId }, add, address)
    const person = yield* Effect.catchTag(done, "EmailTaken", () =>
      Effect.fail(new Refused({ explanation: "Somebody with this address is here already." }))
    )
    return yield* signIn(person.id, "link", scriptAnswer({ location: nextOf(kind) }))
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
  const isRight = yield* recovery.spend(person?.id ?? nobody, Redacted.make(sent.get("code") ?? ""), address)
  const link =
    person && isRight ? yield* people.resetLink(person.id, { id: person.id, address }, "recovery code") : undefined
  if (person === undefined || link === undefined) {
    return yield* askForCode({ values: { email }, problem: "This e-mail address and this code do not fit together." })
  }
  return yield* choose("reset", { code: link, name: person.name, email: person.email, person })
})

const KINDS = ["setup", "invitation", "reset"] as const

export const EnrolmentRoutes = HttpRouter.use(
  Effect.fn("EnrolmentRoutes")(function* (router) {
    for (const kind of KINDS) {
      yield* route(router, pathOf(kind), { GET: introduce(kind), POST: meet(kind) })
      yield* scriptRoute(router, `${pathOf(kind)}/passkey/options`, passkeyOptions(kind))
      yield* scriptRoute(router, `${pathOf(kind)}/passkey`, withPasskey(kind))
      yield* route(router, `${pathOf(kind)}/password`, { POST: withPassword(kind), page: pathOf(kind) })
    }
    yield* route(router, "/recover", { GET: askForCode(), POST: recover })
  })
)
