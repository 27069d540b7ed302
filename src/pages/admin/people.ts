/** `/admin`: who may use this server. */

import { Effect, Redacted, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { type FormOptions, form as formOf } from "../../html/form.ts"
import { type Html, html } from "../../html/html.ts"
import { goTo, page } from "../../html/page.ts"
import { badge, confirmation, confirmations, copyField, linkButton, notice, section, table } from "../../html/parts.ts"
import { time } from "../../html/time.ts"
import type { Visit } from "../../people/browserSessions.sql.ts"
import type { Link } from "../../people/links.sql.ts"
import { People } from "../../people/People.ts"
import { Email, type Person, Role } from "../../people/person.ts"
import { NotThere, Refused } from "../errors.ts"
import { dataPathOf } from "../personData.ts"
import { form, frameOf, route } from "../route.ts"
import { actorOf, csrfTokenOf, freshOwner, isFresh, loginPath, owner, sentBy } from "../visitor.ts"
import { sections } from "./sections.ts"

const PAGE = "/admin"
const OPEN = "Sign-up is open: anybody who reaches this server may make an account (SIGN_UP=open)."
const ROLES = [
  { value: "member", label: "Member", hint: "Signs in and connects apps." },
  { value: "owner", label: "Owner", hint: "May do all that you may." }
] as const

/** A link that was just made, which is shown once. */
interface Made {
  readonly title: string
  readonly url: string
  readonly words: string
}

interface Shown extends Pick<FormOptions, "values" | "errors"> {
  readonly made?: Made
}

const actions = (person: Person, csrfToken: string): Html => {
  const hidden = { id: person.id }
  const id = `person-${person.id}`
  if (person.isDisabled) {
    return formOf({ action: "/admin/people/enable", id, csrfToken, hidden, buttons: [{ label: "Enable" }] })
  }
  const other = person.role === "owner" ? "member" : "owner"
  return confirmations(
    confirmation({
      summary: "Change",
      explanation: `What ${person.name} may do, and how they come in.`,
      action: "/admin/people/role",
      id: `${id}-role`,
      csrfToken,
      hidden: { ...hidden, role: other },
      buttons: [{ label: other === "owner" ? "Make an owner" : "Make a member" }]
    }),
    confirmation({
      summary: "New way in",
      explanation:
        `Makes a link for ${person.name} to choose a new way to sign in: once, within half an hour. Hand it to them ` +
        "yourself, and be sure that it is them who asks.",
      action: "/admin/people/reset",
      id: `${id}-reset`,
      csrfToken,
      hidden,
      buttons: [{ label: "Make the link" }]
    }),
    confirmation({
      summary: "Disable",
      explanation: `Ends every browser and every app of ${person.name} at once. They cannot sign in until you enable them.`,
      action: "/admin/people/disable",
      id: `${id}-disable`,
      csrfToken,
      hidden,
      buttons: [{ label: "Disable", look: "danger" }]
    })
  )
}

const personRow = (person: Person, visit: Visit, csrfToken: string): ReadonlyArray<string | Html> => [
  html`${person.name} ${person.id === visit.person.id && badge("you", "info")}${person.isDisabled && badge("disabled", "danger")}`,
  person.email,
  person.role === "owner" ? "Owner" : "Member",
  html`${time(person.createdAt)}`,
  html`<a href="/admin/events?person=${person.id}">Events</a> <a href="/admin/apps?person=${person.id}">Connections</a> <a href="${dataPathOf(person)}">Data</a>${isFresh(visit) && actions(person, csrfToken)}`
]

const invitationRow = ({ email = "", role, expiresAt }: Link, csrfToken: string): ReadonlyArray<string | Html> => [
  email,
  role === "owner" ? "Owner" : "Member",
  html`${time(expiresAt)}`,
  formOf({
    action: "/admin/people/withdraw",
    id: `withdraw-${email.replace(/\W/g, "-")}`,
    csrfToken,
    hidden: { email },
    buttons: [{ label: "Withdraw", look: "quiet" }]
  })
]

const show = Effect.fnUntraced(function* (visit: Visit, { values, errors, made }: Shown = {}) {
  const people = yield* People
  const [list, invitations] = [yield* people.list, yield* people.invitations]
  const csrfToken = yield* csrfTokenOf(visit)
  return yield* page({
    status: errors === undefined ? 200 : 422,
    title: "People",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit, "admin"),
    body: html`${sections("people")}${(yield* ServerConfig).signUp === "open" && notice("warning", OPEN)}${
      made &&
      section(
        made.title,
        html`${notice("success", made.words)}${copyField({ label: "Link", value: made.url, id: "made" })}`
      )
    }${section(
      "People",
      html`${
        !isFresh(visit) &&
        notice(
          "info",
          html`To change anything here, <a href="${loginPath(PAGE, { again: true })}">confirm that it is you</a>.`
        )
      }${table({
        caption: "Whoever may sign in",
        columns: ["Name", "E-mail", "Role", "Since", ""],
        rows: list.map((person) => personRow(person, visit, csrfToken)),
        empty: html``
      })}`
    )}${section(
      "Invitations",
      html`${table({
        caption: "Invitations that nobody has followed yet",
        columns: ["E-mail", "Role", "Good until", ""],
        rows: invitations.map((link) => invitationRow(link, csrfToken)),
        empty: html`<p class="soft">Nobody is invited at the moment.</p>`
      })}${
        isFresh(visit)
          ? formOf({
              action: "/admin/people/invite",
              csrfToken,
              fields: [
                {
                  kind: "email",
                  name: "email",
                  label: "E-mail",
                  autocomplete: "off",
                  hint: "What they will sign in with. No mail is sent: you hand them the link."
                },
                { kind: "radios", name: "role", label: "Role", choices: ROLES, checked: values?.role ?? "member" }
              ],
              ...(values === undefined ? {} : { values }),
              ...(errors === undefined ? {} : { errors }),
              buttons: [{ label: "Invite", look: "primary" }]
            })
          : linkButton(loginPath(PAGE, { again: true }), "Invite somebody")
      }`
    )}`
  })
})

/** A form of an owner who has just signed in. */
const changing = Effect.gen(function* () {
  const visit = yield* freshOwner
  const sent = yield* form
  yield* sentBy(visit, sent)
  return { visit, sent, actor: yield* actorOf(visit), people: yield* People }
})

const invite = Effect.gen(function* () {
  const { visit, sent, actor, people } = yield* changing
  const values = { email: sent.get("email"), role: sent.get("role") }
  const email = Schema.decodeOption(Email)(values.email ?? "")
  const role = Schema.decodeUnknownOption(Role)(values.role ?? "member")
  if (email._tag === "None" || role._tag === "None") {
    return yield* show(visit, { values, errors: { email: "This is not an e-mail address." } })
  }
  const code = yield* Effect.catchTag(
    people.invite(email.value, role.value, actor),
    "EmailTaken",
    () => Effect.undefined
  )
  if (code === undefined) {
    return yield* show(visit, { values, errors: { email: "Somebody with this address is here already." } })
  }
  const { issuer } = yield* ServerConfig
  return yield* show(visit, {
    made: {
      title: "Invitation",
      url: `${issuer}/invitation#${Redacted.value(code)}`,
      words: `Hand this link to ${email.value}. It works once, within seven days, and is not shown again.`
    }
  })
})

const reset = Effect.gen(function* () {
  const { visit, sent, actor, people } = yield* changing
  const person = yield* people.find(sent.get("id") ?? "")
  const code = person && (yield* people.resetLink(person.id, actor, "owner"))
  if (person === undefined || code === undefined) return yield* new NotThere()
  const { issuer } = yield* ServerConfig
  return yield* show(visit, {
    made: {
      title: "A new way in",
      url: `${issuer}/reset#${Redacted.value(code)}`,
      words: `Hand this link to ${person.name}. It works once, within half an hour, and is not shown again.`
    }
  })
})

const personOf = Effect.fnUntraced(function* (id: string | undefined) {
  return (yield* (yield* People).find(id ?? "")) ?? (yield* new NotThere())
})

const changeRole = Effect.gen(function* () {
  const { sent, actor, people } = yield* changing
  const person = yield* personOf(sent.get("id"))
  const role = Schema.decodeUnknownOption(Role)(sent.get("role") ?? "")
  if (role._tag === "None") return yield* new Refused({ explanation: "There is no such role." })
  yield* people.setRole(person.id, role.value, actor)
  return goTo(PAGE)
})

const disable = Effect.gen(function* () {
  const { sent, actor, people } = yield* changing
  yield* people.disable((yield* personOf(sent.get("id"))).id, actor)
  return goTo(PAGE)
})

const enable = Effect.gen(function* () {
  const { sent, actor, people } = yield* changing
  yield* people.enable((yield* personOf(sent.get("id"))).id, actor)
  return goTo(PAGE)
})

const withdraw = Effect.gen(function* () {
  const { sent, actor, people } = yield* changing
  if (!(yield* people.withdraw(sent.get("email") ?? "", actor))) return yield* new NotThere()
  return goTo(PAGE)
})

export const AdminPeopleRoutes = HttpRouter.use(
  Effect.fn("AdminPeopleRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: Effect.flatMap(owner, (visit) => show(visit)) })
    yield* route(router, "/admin/people/invite", { POST: invite, page: PAGE })
    yield* route(router, "/admin/people/withdraw", { POST: withdraw, page: PAGE })
    yield* route(router, "/admin/people/reset", { POST: reset, page: PAGE })
    yield* route(router, "/admin/people/role", { POST: changeRole, page: PAGE })
    yield* route(router, "/admin/people/disable", { POST: disable, page: PAGE })
    yield* route(router, "/admin/people/enable", { POST: enable, page: PAGE })
  })
)
