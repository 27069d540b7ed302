/** `/admin/server`: what an operator asks first. */

import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { MaintenanceStore } from "../../database/MaintenanceStore.ts"
import { form as formOf } from "../../html/form.ts"
import { html } from "../../html/html.ts"
import { goTo, page } from "../../html/page.ts"
import { definitions, linkButton, notice, section } from "../../html/parts.ts"
import { time } from "../../html/time.ts"
import { SigningKeys } from "../../oauth/openid/SigningKeys.ts"
import { ServerKeys } from "../../oauth/tokens/ServerKeys.ts"
import { People } from "../../people/People.ts"
import { Passkeys } from "../../people/passkeys/Passkeys.ts"
import { SharedCounts } from "../../web/Limiter.ts"
import { Refused } from "../errors.ts"
import { form, frameOf, route } from "../route.ts"
import { actorOf, freshOwner, isFresh, loginPath, owner, sentBy } from "../visitor.ts"
import { sections } from "./sections.ts"

const PAGE = "/admin/server"

const numbersOf = (detail: unknown) =>
  typeof detail === "object" && detail !== null
    ? Object.entries(detail)
        .filter(([, value]) => value !== 0)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")
    : ""

/** Where limits are counted, if there are any. */
const counted = Effect.map(SharedCounts, (counts) => {
  if (counts === undefined) return "by this process alone"
  if (counts.isThere()) return "by all instances together, in Redis"
  return `by this process alone: Redis does not answer (${counts.countedHere()} counted here since the start)`
})

const show = Effect.gen(function* () {
  const visit = yield* owner
  const { issuer, resource, database, cleanup, rateLimit } = yield* ServerConfig
  const runs = yield* (yield* MaintenanceStore).runs
  const key = (yield* ServerKeys).signing()
  const foreign = yield* (yield* Passkeys).foreignHosts
  const last = runs.find(({ task }) => task === "cleanup")
  const frame = yield* frameOf(visit, "admin")
  return yield* page({
    title: "Server",
    wide: true,
    script: "local",
    signedIn: frame,
    body: html`${sections("server")}${section(
      "This server",
      html`${definitions([
        ["Address", issuer],
        ["MCP", resource],
        ["Database", database._tag === "Embedded" ? `embedded, in ${database.dataDir}` : "Postgres"],
        ["Limits are counted", rateLimit === undefined ? "not at all" : yield* counted]
      ])}${
        foreign.length > 0 &&
        notice(
          "warning",
          `There are passkeys of ${foreign.join(", ")}. They do not work at this address: whoever has nothing else needs a ` +
            "recovery code, or a link from you."
        )
      }`
    )}${section(
      "Cleanup",
      html`${
        last === undefined
          ? html`<p class="soft">It has not run yet.</p>`
          : definitions([
              ["Last run", html`${time(last.at)}`],
              ["Deleted", numbersOf(last.detail) || "nothing"]
            ])
      }${!cleanup.enabled && notice("info", "This process does not run it: npm run cleanup:run does, once.")}`,
      { lead: "Deletes what has expired." }
    )}${section(
      "Keys",
      html`${definitions([["The key that signs", String(key.id)]])}${
        isFresh(visit)
          ? formOf({ action: `${PAGE}/keys`, csrfToken: frame.csrfToken, buttons: [{ label: "Make new keys" }] })
          : html`<p class="actions">${linkButton(loginPath(PAGE, { again: true }), "Confirm that it is you, to make new ones")}</p>`
      }`,
      { lead: "What was signed with the old ones stays good." }
    )}`
  })
})

const rotate = Effect.gen(function* () {
  const visit = yield* freshOwner
  yield* sentBy(visit, yield* form)
  const id = yield* (yield* ServerKeys).rotate
  if (id === undefined)
    return yield* new Refused({ explanation: "All 256 key ids are taken: delete the oldest rows first." })
  yield* (yield* SigningKeys).rotate
  const actor = yield* actorOf(visit)
  yield* (yield* People).record({
    event: "keys_rotated",
    actorId: actor.id,
    address: actor.address,
    detail: { key: id }
  })
  return goTo(PAGE)
})

export const AdminServerRoutes = HttpRouter.use(
  Effect.fn("AdminServerRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: show })
    yield* route(router, `${PAGE}/keys`, { POST: rotate, page: PAGE })
  })
)
