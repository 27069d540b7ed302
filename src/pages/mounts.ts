/** `/account/servers`: where a person is signed in at servers behind this one, each with tokens of their own. */

import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import type { StoreUnavailable } from "../database/query.ts"
import { mayUse } from "../gateway/access.ts"
import { MountStatus } from "../gateway/catalogue/MountStatus.ts"
import { MountsInUse } from "../gateway/MountsInUse.ts"
import type { Mount } from "../gateway/mount.ts"
import type { Failed } from "../gateway/vault/refusals.ts"
import { type Linked, Vault } from "../gateway/vault/Vault.ts"
import { form as formOf } from "../html/form.ts"
import { html } from "../html/html.ts"
import { goTo, page } from "../html/page.ts"
import { badge, confirmation, emptyState, linkButton, section } from "../html/parts.ts"
import { time } from "../html/time.ts"
import { queryPairs } from "../oauth/parameters.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { People } from "../people/People.ts"
import { NotThere, Refused } from "./errors.ts"
import { form, frameOf, route } from "./route.ts"
import { actorOf, csrfTokenOf, sentBy, signedIn } from "./visitor.ts"

const PAGE = "/account/servers"

/** Those that this person may use, and signs in at. */
const offered = Effect.fnUntraced(function* ({ person: { role, email, emailVerifiedBy } }: Visit) {
  const { current } = yield* MountsInUse
  const known = { roles: [role], email: emailVerifiedBy === undefined ? undefined : email }
  return current().filter((mount) => mount.auth === "oauth" && mayUse(mount, known))
})

/** The way there, for whom there is something. */
export const mountsSection = Effect.fnUntraced(function* (visit: Visit) {
  const mounts = yield* offered(visit)
  return mounts.length === 0
    ? html``
    : section(
        "Servers",
        html`<p class="actions">${linkButton(PAGE, mounts.map(({ title }) => title).join(", "))}</p>`,
        { lead: "Where you sign in, so that your apps can use them for you." }
      )
})

const hostOf = ({ transport }: Mount) => (transport._tag === "Http" ? new URL(transport.url).host : "")

const card = (mount: Mount, link: Linked | undefined, csrfToken: string) => {
  const hidden = { server: mount.name }
  const connect = (label: string) =>
    formOf({
      action: `${PAGE}/connect`,
      csrfToken,
      id: `connect-${mount.name}`,
      hidden,
      buttons: [{ label, look: "primary" }]
    })
  return section(
    mount.title,
    link === undefined
      ? html`<p>At <b>${hostOf(mount)}</b>. Apps that you allowed to use it need you to sign in there first.</p>${connect("Sign in there")}`
      : html`<p>${badge(link.isGood ? "signed in" : "signed in at another address", link.isGood ? "success" : "warning")} At <b>${hostOf(mount)}</b>, ${time(link.since)}.</p>${!link.isGood && connect("Sign in anew")}${confirmation(
          {
            summary: "Disconnect",
            explanation: `Apps cannot use ${mount.title} for you any more. What you were given there is deleted here, and taken back there if that is possible.`,
            action: `${PAGE}/disconnect`,
            id: `disconnect-${mount.name}`,
            csrfToken,
            hidden,
            buttons: [{ label: "Disconnect", look: "danger" }]
          }
        )}`,
    { id: `server-${mount.name}` }
  )
}

const show = Effect.gen(function* () {
  const visit = yield* signedIn
  const mounts = yield* offered(visit)
  const links = new Map((yield* (yield* Vault).linksOf(visit.person.id)).map((link) => [link.mount, link]))
  const csrfToken = yield* csrfTokenOf(visit)
  return yield* page({
    title: "Servers",
    lead: "Servers behind this one that want to know who you are. What you are given there is used for you alone.",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit, "account"),
    body:
      mounts.length === 0
        ? emptyState("None", "No server behind this one wants you to sign in.")
        : html`${mounts.map((mount) => card(mount, links.get(mount.name), csrfToken))}`
  })
})

/** What keeps somebody from being signed in there, as a page says it. */
const told = <A, R>(effect: Effect.Effect<A, Failed | StoreUnavailable, R>) =>
  Effect.catchTags(effect, {
    SignInRefused: ({ explanation }) => Effect.fail(new Refused({ explanation })),
    UpstreamUnavailable: ({ message }) => Effect.fail(new Refused({ explanation: message }))
  })

const changing = Effect.gen(function* () {
  const visit = yield* signedIn
  const sent = yield* form
  yield* sentBy(visit, sent)
  return { visit, server: sent.get("server") ?? "" }
})

const atBrowser = ({ person, session }: Visit) => ({ personId: person.id, browserSession: session.id })

const connect = Effect.gen(function* () {
  const { visit, server } = yield* changing
  if (!(yield* offered(visit)).some(({ name }) => name === server)) return yield* new NotThere()
  const location = yield* told((yield* Vault).begin(server, atBrowser(visit)))
  return goTo(location)
})

/** What an app was answered: straight to the server that it is about. */
const arriveFromApp = Effect.gen(function* () {
  yield* signedIn
  const { name = "" } = yield* HttpRouter.params
  return goTo(`${PAGE}#server-${encodeURIComponent(name)}`)
})

const finish = Effect.gen(function* () {
  const visit = yield* signedIn
  const { name = "" } = yield* HttpRouter.params
  const mount = yield* told((yield* Vault).finish(name, yield* queryPairs, atBrowser(visit)))
  const actor = yield* actorOf(visit)
  yield* (yield* People).record({
    event: "server_connected",
    personId: visit.person.id,
    actorId: actor.id,
    address: actor.address,
    detail: { server: mount.name }
  })
  // Somebody has to be signed in before it can be asked what it offers. Nobody waits for that here.
  const { recheck } = yield* MountStatus
  yield* Effect.forkDetach(Effect.ignore(recheck(mount, visit.person.id)))
  return goTo(`${PAGE}#server-${mount.name}`)
})

const disconnect = Effect.gen(function* () {
  const { visit, server } = yield* changing
  // Whoever asks again, because the answer was lost, finds it done.
  if (!(yield* (yield* Vault).disconnect(server, visit.person.id))) return goTo(PAGE)
  const actor = yield* actorOf(visit)
  yield* (yield* People).record({
    event: "server_disconnected",
    personId: visit.person.id,
    actorId: actor.id,
    address: actor.address,
    detail: { server }
  })
  return goTo(PAGE)
})

export const MountRoutes = HttpRouter.use(
  Effect.fn("MountRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: show })
    yield* route(router, `${PAGE}/connect`, { POST: connect, page: PAGE })
    yield* route(router, `${PAGE}/disconnect`, { POST: disconnect, page: PAGE })
    yield* route(router, `${PAGE}/:name/callback`, { GET: finish, page: PAGE })
    yield* route(router, "/connect/:name", { GET: arriveFromApp })
  })
)
