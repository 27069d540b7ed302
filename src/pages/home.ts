/** `/`: what this is, and for whoever is signed in what to type in each client. */

import { Effect } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { html } from "../html/html.ts"
import { page } from "../html/page.ts"
import { copyField, linkButton, notice, section } from "../html/parts.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { People } from "../people/People.ts"
import { asPage, frameOf } from "./route.ts"
import { loginPath, visit } from "./visitor.ts"

/** What each client is told. `isPublic` are those that come over the internet. */
const CLIENTS: ReadonlyArray<{
  readonly id: string
  readonly name: string
  readonly how: string
  readonly type: (address: string) => string
}> = [
  {
    id: "chatgpt",
    name: "ChatGPT",
    how: "Settings → Apps & Connectors → Advanced → Developer mode → Create. Take OAuth, and as the MCP server URL:",
    type: (address) => address
  },
  { id: "claude", name: "Claude", how: "Settings → Connectors → Add custom connector:", type: (address) => address },
  {
    id: "claude-code",
    name: "Claude Code",
    how: "In a terminal, and then /mcp in Claude Code:",
    type: (address) => `claude mcp add --transport http gate ${address}`
  },
  {
    id: "codex",
    name: "Codex",
    how: "In a terminal:",
    type: (address) => `codex mcp add gate --url ${address} && codex mcp login gate`
  },
  { id: "vscode", name: "VS Code", how: "MCP: Add Server → HTTP:", type: (address) => address },
  {
    id: "cursor",
    name: "Cursor",
    how: "In ~/.cursor/mcp.json:",
    type: (address) => JSON.stringify({ mcpServers: { gate: { url: address } } })
  }
]

const welcome = Effect.fnUntraced(function* (visit: Visit) {
  const { resource, isLocal } = yield* ServerConfig
  return yield* page({
    title: `Hello, ${visit.person.name}`,
    lead: "Give a client the address of this server. It opens a page here that asks for your consent, and your tools are there.",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit),
    body: html`${section(
      "The address",
      html`${copyField({ label: "MCP server", value: resource, id: "address" })}
<p class="actions">${linkButton("/check", "Test the connection")}</p>`
    )}${
      isLocal &&
      notice(
        "info",
        "This address is good on this computer alone. ChatGPT and Claude come from the internet: give the server a public " +
          "one first, as README.md says under “Reaching it from outside”."
      )
    }${section(
      "In each client",
      html`${CLIENTS.map(
        ({ id, name, how, type }) => html`<h3>${name}</h3>
${copyField({ label: how, value: type(resource), id })}`
      )}`
    )}`
  })
})

const outside = Effect.gen(function* () {
  const { isSetUp } = yield* People
  const { resource, demoConsent } = yield* ServerConfig
  if (yield* isSetUp) {
    return yield* page({
      title: "Gatehouse",
      lead: "A gate between apps such as ChatGPT and the tools of whoever runs this server.",
      body: html`<p>Sign in to see how to connect an app, which ones are connected, and to cut one off.</p>
<p class="actions">${linkButton(loginPath("/"), "Sign in", "primary")}</p>`
    })
  }
  return yield* page({
    title: "Gatehouse",
    lead: "A gate between apps such as ChatGPT and your tools.",
    script: "local",
    body: html`${
      demoConsent
        ? html`${notice("warning", "This server has no owner: anybody who reaches it can connect an app.")}${copyField({ label: "MCP server", value: resource, id: "address" })}`
        : notice("warning", "This server has no owner yet, so no app can be connected.")
    }<p>To own it, open the link that the server printed when it started, which begins with “Set up”. The command
<code>npm run owner:link</code> prints a new one.</p>
<p class="actions">${linkButton("/setup", "Set up")}</p>`
  })
})

export const home = asPage("/")(
  Effect.gen(function* () {
    const visiting = yield* visit
    return visiting === undefined ? yield* outside : yield* welcome(visiting)
  })
)
