/** Connected apps, as their person sees them (`/account/apps`), and everybody's, as an owner does (`/admin/apps`). */

import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import { type Html, html } from "../html/html.ts"
import { goTo, page } from "../html/page.ts"
import {
  badge,
  confirmation,
  definitions,
  emptyState,
  linkButton,
  notice,
  pager,
  section,
  table
} from "../html/parts.ts"
import { time } from "../html/time.ts"
import { cleanName } from "../oauth/clients/metadata.ts"
import { hostOf, isLocal } from "../oauth/clients/redirectUri.ts"
import type { Connection } from "../oauth/grants/connections.sql.ts"
import { TokenStore } from "../oauth/grants/TokenStore.ts"
import { type Catalogue, ScopeCatalogue } from "../oauth/scope.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { ConsentStore } from "../people/ConsentStore.ts"
import { People } from "../people/People.ts"
import { sections } from "./admin/sections.ts"
import { NotThere } from "./errors.ts"
import { form, frameOf, query, route } from "./route.ts"
import { actorOf, csrfTokenOf, freshOwner, isFresh, owner, sentBy, signedIn } from "./visitor.ts"

const PAGE = "/account/apps"
/** More than a person has, and as many as a page holds. */
const MOST = 200
const PAGE_SIZE = 50

const nameOf = ({ clientName }: Connection) => cleanName(clientName) || "An app without a name"

/** Where an app is, as far as that is known. */
const placeOf = ({ redirectUri, clientId, origin }: Connection) =>
  origin === "document"
    ? new URL(clientId).host
    : isLocal(redirectUri)
      ? "a program on a computer"
      : hostOf(redirectUri)

const fate = (connection: Connection): Html | string => {
  switch (connection.status) {
    case "active":
      return badge("connected", "success")
    case "compromised":
      return badge("cut off", "danger")
    case "revoked":
      return badge("disconnected", "plain")
  }
}

// --- One's own ----------------------------------------------------------------------------------------------------

const card = (connections: ReadonlyArray<Connection>, catalogue: Catalogue, csrfToken: string) => {
  const [newest] = connections
  if (newest === undefined) return html``
  const live = connections.filter(({ status }) => status === "active")
  const scopes = [...new Set(live.flatMap((one) => one.scopes))]
  const lastUsed = live.flatMap(({ lastUsedAt }) => lastUsedAt ?? []).toSorted((a, b) => +b - +a)[0]
  const since = live.at(-1)?.createdAt ?? newest.createdAt
  const from = live.find(({ lastAddress }) => lastAddress !== undefined)?.lastAddress
  return section(
    nameOf(newest),
    html`${
      connections.some(({ status }) => status === "compromised") &&
      notice(
        "danger",
        "A key of this app was used twice, so somebody may have had a copy. It was cut off at once. If you still use the app, " +
          "connect it again; if you do not know it, disconnect it and sign out everywhere."
      )
    }${
      live.length === 0
        ? html`<p>It is not connected any more.</p>`
        : html`${definitions([
            ["Where", placeOf(newest)],
            ["Connected", html`${time(since)}${live.length > 1 && `, ${live.length} times over`}`],
            ["Last used", lastUsed === undefined ? "not yet" : html`${time(lastUsed)}`],
            ...(from === undefined ? [] : ([["From", from]] as const))
          ])}<p>It may:</p>
<ul>
${scopes.map((scope) => html`<li>${catalogue.get(scope)?.sentence ?? scope}</li>\n`)}</ul>
${confirmation({
  summary: "Disconnect",
  explanation: `${nameOf(newest)} loses access with its next request. You can connect it again at any time.`,
  action: `${PAGE}/disconnect`,
  id: `disconnect-${newest.sessionId}`,
  csrfToken,
  hidden: { client_id: newest.clientId },
  buttons: [{ label: "Disconnect", look: "danger" }]
})}`
    }`
  )
}

const show = Effect.gen(function* () {
  const visit = yield* signedIn
  const catalogue = (yield* ScopeCatalogue).current()
  const connections = yield* (yield* TokenStore)
    .connections({ subject: visit.person.id, limit: MOST })
    // From the first on, there is no id that could be wrong.
    .pipe(Effect.catchTag("NoSuchConnection", Effect.die))
  const csrfToken = yield* csrfTokenOf(visit)
  const apps = Object.values(Object.groupBy(connections, ({ clientId }) => clientId))
  // Those that are of no interest to their person any more are not shown: they disconnected them themselves.
  const shown = apps.filter((app) => app?.some(({ status }) => status !== "revoked"))
  return yield* page({
    title: "Connected apps",
    lead: "What may use this server for you.",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit, "apps"),
    body:
      shown.length === 0
        ? emptyState(
            "No app is connected",
            "Give an app the address of this server, and it will ask you here.",
            linkButton("/", "How to connect one")
          )
        : html`${shown.map((app) => card(app ?? [], catalogue, csrfToken))}`
  })
})

const disconnect = Effect.gen(function* () {
  const visit = yield* signedIn
  const sent = yield* form
  yield* sentBy(visit, sent)
  const { id, address } = yield* actorOf(visit)
  const clientId = sent.get("client_id") ?? ""
  const { forget } = yield* ConsentStore
  const app = { subject: id, clientId }
  yield* (yield* TokenStore).disconnect(app, { actorId: id, address }, () => forget([app]))
  return goTo(PAGE)
})

// --- Everybody's --------------------------------------------------------------------------------------------------

const row = (
  connection: Connection,
  names: ReadonlyMap<string, string>,
  visit: Visit,
  csrfToken: string
): ReadonlyArray<string | Html> => [
  html`${nameOf(connection)} ${fate(connection)}`,
  names.get(connection.subject) ?? connection.subject,
  placeOf(connection),
  html`${time(connection.createdAt)}`,
  connection.lastUsedAt === undefined ? "not yet" : html`${time(connection.lastUsedAt)}`,
  connection.lastAddress ?? "",
  connection.status !== "active"
    ? (connection.reason ?? "")
    : isFresh(visit)
      ? confirmation({
          summary: "Disconnect",
          explanation: "The app loses access with its next request.",
          action: "/admin/apps/disconnect",
          id: `disconnect-${connection.sessionId}`,
          csrfToken,
          hidden: { session: connection.sessionId },
          buttons: [{ label: "Disconnect", look: "danger" }]
        })
      : ""
]

const showAll = Effect.gen(function* () {
  const visit = yield* owner
  const asked = yield* query
  const [subject, clientId, before] = [asked.get("person"), asked.get("client"), asked.get("before")]
  const store = yield* TokenStore
  const found = yield* Effect.catchTag(
    store.connections({ subject, clientId, before, limit: PAGE_SIZE + 1 }),
    "NoSuchConnection",
    () => Effect.fail(new NotThere())
  )
  const shown = found.slice(0, PAGE_SIZE)
  const people = yield* (yield* People).list
  const names = new Map(people.map(({ id, email }) => [id, email]))
  const csrfToken = yield* csrfTokenOf(visit)
  const onwards = (id: string | undefined) =>
    `/admin/apps?${new URLSearchParams(
      Object.entries({ person: subject, client: clientId, before: id }).flatMap(
        ([name, value]): Array<[string, string]> => (value === undefined ? [] : [[name, value]])
      )
    )}`
  return yield* page({
    title: "Connections",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit, "admin"),
    body: html`${sections("apps")}${section(
      "Who has connected what",
      html`${table({
        caption: "Connections, the newest first",
        columns: ["App", "Person", "Where", "Since", "Last used", "From", ""],
        rows: shown.map((connection) => row(connection, names, visit, csrfToken)),
        empty: emptyState("Nothing", "No app is connected.")
      })}${pager(
        before === undefined ? undefined : onwards(undefined),
        found.length > PAGE_SIZE ? onwards(shown.at(-1)?.sessionId) : undefined
      )}`
    )}`
  })
})

const disconnectOne = Effect.gen(function* () {
  const visit = yield* freshOwner
  const sent = yield* form
  yield* sentBy(visit, sent)
  const { id, address } = yield* actorOf(visit)
  const ended = yield* (yield* TokenStore).disconnect(
    { sessionId: sent.get("session") ?? "" },
    { actorId: id, address },
    // Or the app would be back without its person being asked.
    (yield* ConsentStore).forget
  )
  return ended.length === 0 ? yield* new NotThere() : goTo("/admin/apps")
})

export const ConnectionRoutes = HttpRouter.use(
  Effect.fn("ConnectionRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: show })
    yield* route(router, `${PAGE}/disconnect`, { POST: disconnect, page: PAGE })
    yield* route(router, "/admin/apps", { GET: showAll })
    yield* route(router, "/admin/apps/disconnect", { POST: disconnectOne, page: "/admin/apps" })
  })
)
