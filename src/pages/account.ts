/** `/account`: a person's name, ways in and browsers. */

import { Effect, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { isUuid } from "../database/query.ts"
import { type FormOptions, form as formOf } from "../html/form.ts"
import { type Html, html } from "../html/html.ts"
import { goTo, page } from "../html/page.ts"
import { badge, confirmation, definitions, notice, section, table } from "../html/parts.ts"
import { time } from "../html/time.ts"
import { BrowserSessions } from "../people/BrowserSessions.ts"
import type { BrowserSession, Visit } from "../people/browserSessions.sql.ts"
import { People } from "../people/People.ts"
import { Name } from "../people/person.ts"
import { NotThere } from "./errors.ts"
import { isNotable, wordsOf } from "./events.ts"
import { mountsSection } from "./mounts.ts"
import { passkeysSection } from "./passkeys.ts"
import { passwordSection, recoverySection } from "./password.ts"
import { dataSection } from "./personData.ts"
import { identitiesSection } from "./providers.ts"
import { form, frameOf, route } from "./route.ts"
import { describeBrowser } from "./userAgent.ts"
import { actorOf, csrfTokenOf, sentBy, signedIn } from "./visitor.ts"

const PAGE = "/account"
const NOTABLE = 5

type Shown = Pick<FormOptions, "values" | "errors">

const browserRow = (session: BrowserSession, own: string, csrfToken: string): ReadonlyArray<string | Html> => [
  html`${describeBrowser(session.userAgent)} ${session.id === own && badge("this one", "info")}`,
  html`${time(session.createdAt)}`,
  html`${time(session.lastUsedAt)}`,
  session.address,
  session.id === own
    ? ""
    : formOf({
        action: "/account/browsers",
        id: `browser-${session.id}`,
        csrfToken,
        hidden: { id: session.id },
        buttons: [{ label: "Sign out", look: "quiet" }]
      })
]

const show = Effect.fnUntraced(function* (visit: Visit, { values, errors }: Shown = {}) {
  const { person, session } = visit
  const people = yield* People
  const sessions = yield* (yield* BrowserSessions).list(person.id)
  const notable = (yield* people.events({ personId: person.id, limit: 100 })).filter(isNotable).slice(0, NOTABLE)
  const csrfToken = yield* csrfTokenOf(visit)
  return yield* page({
    status: errors === undefined ? 200 : 422,
    title: "Account",
    wide: true,
    script: "passkeys",
    signedIn: yield* frameOf(visit, "account"),
    body: html`${section(
      "You",
      html`${definitions([
        ["E-mail", html`${person.email} ${person.emailVerifiedBy === undefined && badge("not verified", "warning")}`],
        ["Role", person.role === "owner" ? "Owner" : "Member"]
      ])}${formOf({
        action: "/account/name",
        csrfToken,
        fields: [{ kind: "text", name: "name", label: "Name", autocomplete: "name", maxLength: 100 }],
        values: { name: person.name, ...values },
        ...(errors === undefined ? {} : { errors }),
        buttons: [{ label: "Save" }]
      })}`
    )}${passwordSection(visit)}${yield* passkeysSection(visit, csrfToken)}${yield* identitiesSection(visit, csrfToken)}${yield* recoverySection(visit)}${yield* mountsSection(visit)}${section(
      "Browsers",
      html`${table({
        caption: "Browsers that you are signed in with",
        columns: ["Browser", "Since", "Last used", "From", ""],
        rows: sessions.map((one) => browserRow(one, session.id, csrfToken)),
        empty: html``
      })}${
        sessions.length > 1 &&
        formOf({
          action: "/account/browsers",
          id: "browsers",
          csrfToken,
          buttons: [{ label: "Sign out all others" }]
        })
      }${confirmation({
        summary: "Sign out everywhere",
        explanation:
          "Ends every other browser and disconnects every app, at once. Each app has to be connected again before it can " +
          "use this server for you.",
        action: "/account/everywhere",
        csrfToken,
        buttons: [{ label: "Sign out everywhere", look: "danger" }]
      })}`,
      { lead: "Where you are signed in." }
    )}${
      notable.length > 0 &&
      section(
        "Lately",
        html`<ul>
${notable.map((event) => html`<li>${wordsOf(event)}, ${time(event.at, "exact")}${event.address !== null && ` from ${event.address}`}</li>\n`)}</ul>
${notice("info", "Was one of these not you? Change your ways in and sign out everywhere.")}`,
        { lead: "What changed who can come in as you." }
      )
    }${dataSection}`
  })
})

const rename = Effect.gen(function* () {
  const visit = yield* signedIn
  const sent = yield* form
  yield* sentBy(visit, sent)
  const typed = sent.get("name") ?? ""
  const name = Schema.decodeOption(Name)(typed)
  if (name._tag === "None") {
    return yield* show(visit, {
      values: { name: typed },
      errors: { name: "A name has 1 to 100 characters, all of which can be seen." }
    })
  }
  yield* (yield* People).rename(visit.person.id, name.value)
  return goTo(PAGE)
})

/** Ends one browser, or, where none is named, all but this one. */
const endBrowsers = Effect.gen(function* () {
  const visit = yield* signedIn
  const sent = yield* form
  yield* sentBy(visit, sent)
  const id = sent.get("id")
  if (id !== undefined && !isUuid(id)) return yield* new NotThere()
  const which = id === undefined ? { not: visit.session.id } : { id }
  const ended = yield* (yield* BrowserSessions).end(visit.person.id, which, yield* actorOf(visit))
  if (ended === 0 && id !== undefined) return yield* new NotThere()
  return goTo(PAGE)
})

const signOutEverywhere = Effect.gen(function* () {
  const visit = yield* signedIn
  yield* sentBy(visit, yield* form)
  yield* (yield* People).signOutEverywhere(visit.person.id, yield* actorOf(visit), visit.session.id)
  return goTo(PAGE)
})

export const AccountRoutes = HttpRouter.use(
  Effect.fn("AccountRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: Effect.flatMap(signedIn, (visit) => show(visit)) })
    yield* route(router, "/account/name", { POST: rename, page: PAGE })
    yield* route(router, "/account/browsers", { POST: endBrowsers, page: PAGE })
    yield* route(router, "/account/everywhere", { POST: signOutEverywhere, page: PAGE })
  })
)
