/** What is known of a person: a page with all of it to take along, and the end of it. Their own, or for an owner anybody's. */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { form as formOf } from "../html/form.ts"
import { html } from "../html/html.ts"
import { goTo, PAGE_HEADERS, page } from "../html/page.ts"
import { confirmation, linkButton, section } from "../html/parts.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { People } from "../people/People.ts"
import type { Person } from "../people/person.ts"
import { NotThere } from "./errors.ts"
import { form, frameOf, query, route } from "./route.ts"
import { actorOf, fresh, freshOwner, sentBy, withoutSession } from "./visitor.ts"

const OWN = "/account/data"
const ANYBODYS = "/admin/people/data"

export const dataSection = section(
  "Your data",
  html`<p>All that this server knows of you, to take along or to delete.</p>
<p class="actions">${linkButton(OWN, "See what there is")}</p>`
)

/** Where an owner finds it. */
export const dataPathOf = ({ id }: Person) => `${ANYBODYS}?id=${id}`

const show = Effect.fnUntraced(function* (visit: Visit, person: Person) {
  const isOwn = person.id === visit.person.id
  const [path, whose, who] = isOwn ? [OWN, "your", "you"] : [ANYBODYS, "their", person.name]
  const frame = yield* frameOf(visit, isOwn ? "account" : "admin")
  const common = { csrfToken: frame.csrfToken, hidden: { id: person.id } }
  return yield* page({
    title: isOwn ? "Your data" : `Data of ${person.name}`,
    signedIn: frame,
    body: html`${section(
      "Take it along",
      html`<p>One file (JSON) with ${whose} account, ways in, browsers, connected apps, what was allowed to them, and what happened. No password,
token or key is in it.</p>
${formOf({ ...common, action: `${path}/export`, id: "export", buttons: [{ label: "Download" }] })}`
    )}${section(
      "Delete it",
      confirmation({
        ...common,
        summary: "Delete the account",
        explanation:
          `Ends every browser and every app of ${who} at once, and forgets all that is known, for good: account, ways in, ` +
          "events, sign-ins at servers behind this one. That an account was deleted is all that is kept. What was allowed at other " +
          "servers is forgotten here, and ended there only by disconnecting them first.",
        action: `${path}/delete`,
        buttons: [{ label: "Delete for good", look: "danger" }]
      })
    )}`
  })
})

const file = Effect.fnUntraced(function* (visit: Visit, { id }: Person) {
  const people = yield* People
  const { id: actorId, address } = yield* actorOf(visit)
  yield* people.record({ event: "person_exported", personId: id, actorId, address })
  const data = (yield* people.dataOf(id)) ?? (yield* new NotThere())
  return HttpServerResponse.jsonUnsafe(data, {
    headers: { ...PAGE_HEADERS, "content-disposition": 'attachment; filename="gatehouse-data.json"' }
  })
})

const personOf = Effect.fnUntraced(function* (id: string | undefined) {
  return (yield* (yield* People).find(id ?? "")) ?? (yield* new NotThere())
})

/** A form of somebody who has just signed in, about themselves. */
const own = Effect.gen(function* () {
  const visit = yield* fresh
  yield* sentBy(visit, yield* form)
  return visit
})

/** A form of an owner who has just signed in, about anybody. */
const anybodys = Effect.gen(function* () {
  const visit = yield* freshOwner
  const sent = yield* form
  yield* sentBy(visit, sent)
  return [visit, yield* personOf(sent.get("id"))] as const
})

const showAnybodys = Effect.gen(function* () {
  const visit = yield* freshOwner
  return yield* show(visit, yield* personOf((yield* query).get("id") ?? visit.person.id))
})

const deleteOwn = Effect.gen(function* () {
  const visit = yield* own
  yield* (yield* People).remove(visit.person.id, yield* actorOf(visit))
  return yield* withoutSession(
    yield* page({
      title: "Your account is deleted",
      body: html`<p>All that this server knew of you is gone, and your apps are disconnected.</p>`
    })
  )
})

const deleteAnybodys = Effect.gen(function* () {
  const [visit, person] = yield* anybodys
  yield* (yield* People).remove(person.id, yield* actorOf(visit))
  return goTo("/admin")
})

export const PersonDataRoutes = HttpRouter.use(
  Effect.fn("PersonDataRoutes")(function* (router) {
    yield* route(router, OWN, { GET: Effect.flatMap(fresh, (visit) => show(visit, visit.person)) })
    yield* route(router, `${OWN}/export`, {
      POST: Effect.flatMap(own, (visit) => file(visit, visit.person)),
      page: OWN
    })
    yield* route(router, `${OWN}/delete`, { POST: deleteOwn, page: OWN })
    yield* route(router, ANYBODYS, { GET: showAnybodys })
    yield* route(router, `${ANYBODYS}/export`, {
      POST: Effect.flatMap(anybodys, (found) => file(...found)),
      page: "/admin"
    })
    yield* route(router, `${ANYBODYS}/delete`, { POST: deleteAnybodys, page: "/admin" })
  })
)
