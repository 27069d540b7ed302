/** Every component on pages as they will be, and passkeys as the server will answer them, over the real frame. */

import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type WebAuthnCredential
} from "@simplewebauthn/server"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { AssetRoutes } from "../../src/html/assets.ts"
import { chart } from "../../src/html/chart.ts"
import { form } from "../../src/html/form.ts"
import { html } from "../../src/html/html.ts"
import { type PageOptions, type ProblemOptions, page, problem, type SignedIn } from "../../src/html/page.ts"
import {
  badge,
  confirmation,
  copyField,
  definitions,
  emptyState,
  linkButton,
  notice,
  or,
  pager,
  section,
  table
} from "../../src/html/parts.ts"
import { type PasskeyFormOptions, passkeyForm } from "../../src/html/passkey.ts"
import { HtmlRefusals, REFUSALS } from "../../src/html/refusals.ts"
import { time } from "../../src/html/time.ts"
import { Front } from "../../src/web/front.ts"
import { listener } from "../../src/web/listener.ts"
import { freePort } from "./app.ts"

const ADA: SignedIn = { name: "Ada Lovelace", role: "owner", csrfToken: "canary" }
const LONG_AGO = new Date("2025-03-09T14:05:09Z")
/** What the browser's clock has to say, so that "7 minutes ago" stays that. */
export const NOW = new Date("2026-11-25T12:00:30Z")
const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000)

const passkey = (kind: "create" | "get", label: string, over: Partial<PasskeyFormOptions> = {}) =>
  passkeyForm({
    kind,
    action: `/passkey/${kind}`,
    csrfToken: "canary",
    options: `/passkey/${kind}/options`,
    label,
    ...over
  })

const signIn = (errors: Readonly<Record<string, string>> = {}): PageOptions => ({
  status: Object.keys(errors).length > 0 ? 401 : 200,
  title: "Sign in",
  lead: "to continue to ChatGPT",
  script: "passkeys",
  body: html`${form({
    action: "/login",
    fields: [
      { kind: "email", name: "email", label: "E-mail", autocomplete: "username webauthn" },
      { kind: "password", name: "password", label: "Password", autocomplete: "current-password" }
    ],
    values: { email: "ada@example.com", password: "canary-password" },
    errors,
    buttons: [{ label: "Sign in", look: "primary" }]
  })}${or}${passkey("get", "Sign in with a passkey", { isOfferedInField: true })}${form({ action: "/login/upstream", buttons: [{ label: "Sign in with Google" }] })}
<p class="soft"><a href="/recovery">Lost your way in?</a></p>`
})

const PAGES: Readonly<Record<string, PageOptions>> = {
  "sign-in": signIn(),
  "sign-in-refused": signIn({ password: "That e-mail and password do not belong together." }),
  confirm: {
    title: "Confirm that it is you",
    lead: "You are about to change how you sign in.",
    script: "passkeys",
    signedIn: ADA,
    body: passkey("get", "Use a passkey", { look: "primary" })
  },
  consent: {
    title: "Connect ChatGPT?",
    lead: html`as <b>Ada Lovelace</b> · <a href="/logout">not you?</a>`,
    body: html`${definitions([
      ["Asked by", html`chatgpt.com ${badge("verified", "success")}`],
      ["Returns to", "chatgpt.com"]
    ])}${notice("warning", "The answer goes to a program on this computer. Allow it only if you started this yourself.")}${form(
      {
        action: "/authorize/decision",
        hidden: { transaction: "t" },
        fields: [
          {
            kind: "checkboxes",
            name: "scope",
            label: "ChatGPT may",
            checked: ["weather"],
            choices: [
              { value: "tools", label: "Use tools on your behalf", isFixed: true },
              { value: "weather", label: "Look up the weather", hint: "For places that you or it names." },
              { value: "profile", label: "Read your name" }
            ]
          }
        ],
        buttons: [
          { label: "Deny", name: "decision", value: "deny" },
          { label: "Allow", name: "decision", value: "approve", look: "primary" }
        ]
      }
    )}`
  },
  setup: {
    title: "Set up Gatehouse",
    lead: "You will be the owner: you say who may use this server.",
    script: "passkeys",
    body: html`${form({
      action: "/setup",
      fields: [
        {
          kind: "code",
          name: "code",
          label: "Set-up code",
          hint: "It stands at the end of the link that the server printed when it started.",
          autocomplete: "off",
          isFromAddress: true
        },
        { kind: "text", name: "name", label: "Your name", autocomplete: "name", isOptional: true, maxLength: 100 },
        { kind: "email", name: "email", label: "E-mail", autocomplete: "username" },
        {
          kind: "password",
          name: "password",
          label: "Password",
          hint: "At least 8 characters.",
          autocomplete: "new-password",
          minLength: 8,
          maxLength: 256
        }
      ],
      problem: "This code is not valid any more.",
      errors: { email: "This is not an e-mail address.", password: "This password is too common." },
      buttons: [{ label: "Become the owner", look: "primary" }]
    })}${passkey("create", "Make a passkey", { fields: [or] })}`
  },
  account: {
    title: "Account",
    wide: true,
    script: "passkeys",
    signedIn: { ...ADA, role: "member", current: "account" },
    body: html`${notice("success", "Your name was changed.")}${section(
      "You",
      html`${definitions([
        ["Name", "Ada Lovelace"],
        ["E-mail", html`ada@example.com ${badge("verified", "success")}`],
        ["Since", time(LONG_AGO)]
      ])}${form({
        action: "/account/name",
        csrfToken: "canary",
        fields: [{ kind: "text", name: "name", label: "Name", autocomplete: "name" }],
        values: { name: "Ada Lovelace" },
        buttons: [{ label: "Save" }]
      })}`
    )}${section(
      "Browsers",
      table({
        caption: "Where you are signed in",
        columns: ["Browser", "First seen", "Last used", "State", ""],
        rows: [
          ["Firefox on Linux", time(LONG_AGO), time(minutesAgo(0)), badge("this one", "info"), ""],
          [
            "Safari on iPhone",
            time(minutesAgo(3000), "exact"),
            time(minutesAgo(7)),
            badge("signed in"),
            confirmation({
              summary: "Sign out",
              explanation: "The browser has to sign in again.",
              action: "/account/browsers/end",
              csrfToken: "canary",
              buttons: [{ label: "Sign this browser out", look: "danger" }]
            })
          ]
        ],
        empty: html``
      }),
      { lead: "Every browser in which you are signed in." }
    )}${section("Connect an app", copyField({ id: "address", label: "Address of this server", value: "https://gate.example/mcp" }))}`
  },
  admin: {
    title: "People",
    lead: "Who may use this server, and how they come in.",
    wide: true,
    script: "local",
    signedIn: { ...ADA, current: "admin" },
    body: html`${notice("info", "An invitation was made. Send the link to Grace; it works once, for seven days.")}${section(
      "Everybody",
      html`${table({
        caption: "People",
        columns: ["Name", "E-mail", "Role", "Last seen", ""],
        rows: [
          ["Ada Lovelace", "ada@example.com", badge("owner", "info"), time(minutesAgo(1)), ""],
          [
            "Grace Brewster Murray Hopper",
            "a-very-long-address-of-a-person@mail.a-long-department.example.com",
            html`${badge("member")} ${badge("disabled", "danger")}`,
            time(LONG_AGO),
            confirmation({
              summary: "Disable",
              explanation: "She is signed out everywhere, and her apps stop working with the next request.",
              action: "/admin/people/disable",
              csrfToken: "canary",
              hidden: { person: "1" },
              buttons: [{ label: "Disable Grace", look: "danger" }]
            })
          ]
        ],
        empty: html``
      })}${pager(undefined, "/admin?page=2")}`
    )}${section(
      "Invite somebody",
      form({
        action: "/admin/people/invite",
        csrfToken: "canary",
        fields: [
          { kind: "email", name: "email", label: "E-mail", autocomplete: "off" },
          {
            kind: "radios",
            name: "role",
            label: "Role",
            checked: "member",
            choices: [
              { value: "member", label: "Member", hint: "Connects apps." },
              { value: "owner", label: "Owner", hint: "Also says who may." }
            ]
          }
        ],
        buttons: [{ label: "Make an invitation", look: "primary" }]
      })
    )}`
  },
  usage: {
    title: "Usage",
    wide: true,
    script: "local",
    signedIn: { ...ADA, current: "admin" },
    body: section(
      "Calls by tool",
      chart({
        id: "tools",
        title: "Calls by tool",
        summary: "In all: 36 calculator, 12,021 a_tool_of_a_very_long_name_that_goes_on.",
        steps: ["21:00 UTC", "22:00 UTC", "23:00 UTC"],
        series: [
          { name: "calculator", values: [12, 0, 24] },
          { name: "a_tool_of_a_very_long_name_that_goes_on", values: [0, 12_000, 21] },
          ...[2, 3, 4, 5].map((at) => ({ name: `tool ${at}`, values: [at, 1000 * at, 0] }))
        ]
      })
    )
  },
  empty: {
    title: "Connected apps",
    wide: true,
    signedIn: { ...ADA, current: "apps" },
    body: html`${notice("danger", "One app was cut off: its token was used twice.")}${section(
      "Apps",
      table({
        caption: "Apps",
        columns: ["App"],
        rows: [],
        empty: emptyState(
          "No app is connected yet",
          "Add this server in ChatGPT or another client, and it appears here.",
          linkButton("/", "How to connect one", "primary")
        )
      })
    )}`
  }
}

const PROBLEMS: Readonly<Record<string, ProblemOptions>> = {
  ...REFUSALS,
  problem: {
    status: 410,
    title: "Too late",
    explanation: "This link was used before, or it is older than an hour.",
    next: { href: "/login", label: "Sign in" }
  }
}

/** Of one person at one authenticator. */
const passkeys = (rpID: string, origin: string) => {
  let challenge = ""
  let credential: WebAuthnCredential | undefined
  const remember = <O extends { readonly challenge: string }>(options: O) => {
    challenge = options.challenge
    return options
  }
  const expected = () => ({ expectedChallenge: challenge, expectedOrigin: origin, expectedRPID: rpID })
  const refused = { error: "refused", error_description: "The server knows no such passkey." }
  return {
    "create/options": async () =>
      remember(await generateRegistrationOptions({ rpName: "Gatehouse", rpID, userName: "ada@example.com" })),
    create: async (body: { csrf_token: string; response: never }) => {
      const { registrationInfo } = await verifyRegistrationResponse({ ...expected(), response: body.response })
      credential = registrationInfo?.credential
      return body.csrf_token === "canary" && credential ? { location: "/gallery/account" } : refused
    },
    "get/options": async () => remember(await generateAuthenticationOptions({ rpID, userVerification: "required" })),
    get: async (body: { response: never }) => {
      if (credential === undefined) return refused
      const { verified } = await verifyAuthenticationResponse({ ...expected(), response: body.response, credential })
      return verified ? { location: "/gallery/empty" } : refused
    }
  }
}

const GalleryRoutes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const { port } = yield* ServerConfig
    const answers = Object.entries(passkeys("localhost", `http://localhost:${port}`))
    for (const [name, options] of Object.entries(PAGES)) yield* router.add("GET", `/gallery/${name}`, page(options))
    for (const [name, options] of Object.entries(PROBLEMS))
      yield* router.add("GET", `/gallery/${name}`, problem(options))
    for (const [path, answer] of answers) {
      const handler = Effect.gen(function* () {
        const body = yield* (yield* HttpServerRequest.HttpServerRequest).json
        // The body is what the script of ours sends, and the library judges the rest.
        const told = yield* Effect.promise(async (): Promise<object> => answer(body as never))
        return HttpServerResponse.jsonUnsafe(told, { status: "error" in told ? 401 : 200 })
      })
      yield* router.add("POST", `/passkey/${path}`, handler)
    }
  })
)

export const NAMES = [...Object.keys(PAGES), ...Object.keys(PROBLEMS)]

export class Gallery extends Context.Service<Gallery, { readonly baseUrl: string }>()("test/Gallery") {}

export const gallery = Layer.unwrap(
  Effect.map(freePort, (port) =>
    Layer.succeed(Gallery, { baseUrl: `http://localhost:${port}` }).pipe(
      Layer.provideMerge(listener(Layer.mergeAll(AssetRoutes, GalleryRoutes, Layer.provide(Front, HtmlRefusals)))),
      Layer.provideMerge(Logging),
      Layer.provideMerge(ServerConfig.layerOf({ PORT: String(port), LOG_LEVEL: "none", MAX_DELAY_MS: "60000" }))
    )
  )
)
