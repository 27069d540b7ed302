/**
 * `/check`: does the whole way work? The script of the page (`html/script.js`) goes it as any app does, from consent to the
 * call of a tool, as a client that comes with the server; and says what to do where it ends.
 */

import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { html } from "../html/html.ts"
import { page } from "../html/page.ts"
import { notice } from "../html/parts.ts"
import { ClientRegistry } from "../oauth/clients/ClientRegistry.ts"
import { configure } from "../oauth/clients/configured.ts"
import { TOOLS_CALL } from "../oauth/scope.ts"
import { frameOf, route } from "./route.ts"
import { signedIn } from "./visitor.ts"

const PAGE = "/check"
const CLIENT_ID = "gatehouse-check"

/** Public, since it lives in the browser; its answers go to this page and nowhere else, also after BASE_URL has changed. */
export const CheckClient = Layer.effectDiscard(
  Effect.gen(function* () {
    const redirectUri = `${(yield* ServerConfig).issuer}${PAGE}`
    const known = yield* (yield* ClientRegistry).find(CLIENT_ID)
    if (known?.redirectUris.join() === redirectUri) return
    yield* configure({ id: CLIENT_ID, name: "Connection test", secret: undefined, redirectUris: [redirectUri] })
  })
)

interface Step {
  readonly name: string
  readonly label: string
  /** What to do when it fails: in the cases that have a name or a status, and in all others (""). */
  readonly advice: Readonly<Record<string, string>>
}

const DISCONNECTED =
  "The token is not accepted any more: the test was disconnected, or you signed out everywhere, while it ran. Test again."
const SEE_LOG = "Test again in a moment. If it stays so, the server's log says why."

const stepsOf = (issuer: string): ReadonlyArray<Step> => [
  {
    name: "authorize",
    label: "You are asked, and allow it",
    advice: {
      foreign: `The answer belongs to no question of this tab. Open ${issuer}${PAGE} and test again, in one tab.`,
      access_denied: "You did not allow it, so nothing could be tested. Test again, and choose Allow.",
      "": SEE_LOG
    }
  },
  {
    name: "token",
    label: "A token is given out",
    advice: {
      "429": "There were too many tries from your address. Wait a minute, then test again.",
      "": `A proxy in front of this server must let POST requests to /token through. ${SEE_LOG}`
    }
  },
  {
    name: "initialize",
    label: "The MCP server answers",
    advice: {
      "401":
        "The token did not arrive, or is not accepted any more. A proxy in front of this server must pass the Authorization header on. " +
        "Or the test was disconnected while it ran: test again.",
      "421": `Apps must use the address that BASE_URL names: ${issuer}/mcp.`,
      "": `A proxy in front of this server must let POST requests to /mcp through. ${SEE_LOG}`
    }
  },
  { name: "list", label: "It lists its tools", advice: { "401": DISCONNECTED, "": SEE_LOG } },
  {
    name: "call",
    label: "A tool does its work",
    advice: {
      "401": DISCONNECTED,
      "403": "The test may not call tools. Disconnect it under Connected apps, and test again.",
      "": SEE_LOG
    }
  },
  {
    name: "revoke",
    label: "The token is given back",
    advice: { "": "It could not be given back. Disconnect “Connection test” under Connected apps." }
  }
]

const stepItem = ({ name, label, advice }: Step) => html`<li data-step="${name}">
<b>${label}</b> <span class="badge plain" data-state hidden></span> <span class="soft" data-detail></span>
${Object.entries(advice).map(([fault, sentence]) => html`<p class="error" data-advice="${fault}" hidden>${sentence}</p>\n`)}</li>
`

const show = Effect.gen(function* () {
  const visit = yield* signedIn
  const { issuer, resource } = yield* ServerConfig
  return yield* page({
    title: "Test the connection",
    lead: "Your browser does what an app does: it asks you, gets a token, lists the tools, has one add two numbers, and gives the token back.",
    script: "connect",
    signedIn: yield* frameOf(visit),
    body: html`<div data-check-missing>${notice("info", "The test runs in your browser, and needs its script: switch JavaScript on for this page.")}</div>
<div data-check="${CLIENT_ID}" data-issuer="${issuer}" data-resource="${resource}" data-scope="${TOOLS_CALL.name}" hidden>
<div aria-live="polite">
<ol class="steps">
${stepsOf(issuer).map(stepItem)}</ol>
<div data-done hidden>
${notice("success", "Everything works. An app that gets the address of this server goes the same way.")}</div>
</div>
<p class="actions"><button type="button" class="primary">Test now</button></p>
</div>`
  })
})

export const CheckRoutes = HttpRouter.use((router) => route(router, PAGE, { GET: show }))
