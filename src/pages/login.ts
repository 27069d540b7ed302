/** `/login` and `/logout`. */

import { Effect, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { form as formOf } from "../html/form.ts"
import { html } from "../html/html.ts"
import { goTo, page } from "../html/page.ts"
import { notice, or } from "../html/parts.ts"
import { passkeyForm } from "../html/passkey.ts"
import { afterLogout, LOGOUT_PARAMETERS } from "../oauth/openid/logout.ts"
import type { Parameters } from "../oauth/parameters.ts"
import { BrowserSessions } from "../people/BrowserSessions.ts"
import { People } from "../people/People.ts"
import { Passkeys } from "../people/passkeys/Passkeys.ts"
import * as Argon2id from "../people/passwords/argon2id.ts"
import { Throttle } from "../people/Throttle.ts"
import { callerAddress } from "../web/clientAddress.ts"
import { note } from "../web/notes.ts"
import { signUpPath } from "./enrolmentPages.ts"
import { providerLinks } from "./providers.ts"
import { form, frameOf, query, route } from "./route.ts"
import { knownMark, signIn, signInFailed } from "./signIn.ts"
import { actorOf, returnTo, sentBy, sentByUs, signedIn, visit, withoutSession } from "./visitor.ts"

interface Shown {
  readonly returnTo: string
  readonly email: string | undefined
  /** Somebody is signed in, and proves it anew. */
  readonly isAgain: boolean
  readonly problem?: string
}

/** The same for a name that nobody has, a password that is not theirs, and a person who may not come in (ASVS 6.3.8). */
const MISFIT = "This e-mail address and this password do not fit together."

const show = Effect.fnUntraced(function* ({ returnTo, email, isAgain, problem }: Shown) {
  const passkeys = yield* Passkeys
  const foreign = yield* passkeys.foreignHosts
  const isOpen = (yield* ServerConfig).signUp === "open" && !isAgain
  return yield* page({
    status: problem === undefined ? 200 : 401,
    title: isAgain ? "Confirm that it is you" : "Sign in",
    script: "passkeys",
    body: html`${formOf({
      action: "/login",
      hidden: { return_to: returnTo },
      fields: [
        { kind: "email", name: "email", label: "E-mail", autocomplete: "username webauthn" },
        { kind: "password", name: "password", label: "Password", autocomplete: "current-password", maxLength: 256 }
      ],
      values: { email },
      problem,
      buttons: [{ label: "Sign in", look: "primary" }]
    })}${
      passkeys.rpId !== undefined &&
      passkeyForm({
        kind: "get",
        options: "/login/passkey/options",
        action: "/login/passkey",
        label: "Sign in with a passkey",
        hidden: { return_to: returnTo },
        fields: [or],
        isOfferedInField: true
      })
    }${
      foreign.length > 0 &&
      notice(
        "info",
        `This server was known as ${foreign.join(", ")} before. Passkeys that were made there do not work here: use your ` +
          "password or a recovery code, and make a new passkey."
      )
    }${yield* providerLinks(returnTo, isAgain)}<p class="soft">${isOpen && html`<a href="${signUpPath(returnTo)}">Create an account</a> · `}<a href="/recover">You cannot sign in?</a></p>`
  })
})

const open = Effect.gen(function* () {
  const asked = yield* query
  const target = returnTo(asked.get("return_to"))
  const visiting = yield* visit
  const isAgain = visiting !== undefined && asked.has("again")
  if (visiting !== undefined && !isAgain) return goTo(target)
  if (!(yield* (yield* People).isSetUp)) return goTo("/setup")
  return yield* show({ returnTo: target, email: asked.get("email") ?? visiting?.person.email, isAgain })
})

const withPassword = Effect.gen(function* () {
  yield* sentByUs
  const sent = yield* form
  const email = (sent.get("email") ?? "").trim()
  const password = Redacted.make(sent.get("password") ?? "")
  const people = yield* People
  const throttle = yield* Throttle
  const found = yield* people.credentialsOf(email)
  const attempt = {
    name: email,
    personId: found?.person.id,
    address: yield* callerAddress,
    mark: yield* knownMark
  }
  yield* throttle.admit(attempt)
  const isRight = yield* Argon2id.verify(password, found?.password)
  const target = returnTo(sent.get("return_to"))
  if (!isRight || found === undefined || found.person.isDisabled) {
    yield* throttle.failed(attempt)
    yield* signInFailed("password")
    yield* note({ error: "sign_in_failed", person: found?.person.id })
    const isAgain = (yield* visit) !== undefined
    return yield* show({ returnTo: target, email, isAgain, problem: MISFIT })
  }
  const { person, password: stored } = found
  if (stored !== undefined && Argon2id.isWeak(stored)) {
    yield* people.rehash(person.id, stored, yield* Argon2id.hash(password))
  }
  return yield* signIn(person.id, "password", goTo(target))
})

/** Whoever is signed in is asked in any case, also where an app asks for it (`end_session_endpoint`). */
const askToLeave = Effect.fnUntraced(function* (asked: Parameters) {
  const target = yield* afterLogout(asked)
  const visiting = yield* visit
  if (visiting === undefined) return goTo(target ?? "/")
  const frame = yield* frameOf(visiting)
  return yield* page({
    title: "Sign out?",
    signedIn: frame,
    body: formOf({
      action: "/logout",
      id: "leave",
      csrfToken: frame.csrfToken,
      hidden: Object.fromEntries(
        LOGOUT_PARAMETERS.flatMap((name) => (target === undefined ? [] : [[name, asked.get(name) ?? ""]]))
      ),
      buttons: [{ label: "Sign out", look: "primary" }]
    })
  })
})

/** The answer of our own page has its token; without one it is an app that asks by POST (RP-Initiated Logout §2). */
const leave = Effect.gen(function* () {
  const sent = yield* form
  if (!sent.has("csrf_token")) return yield* askToLeave(sent)
  const visiting = yield* signedIn
  yield* sentBy(visiting, sent)
  const { person, session } = visiting
  yield* (yield* BrowserSessions).end(person.id, { id: session.id }, yield* actorOf(visiting))
  return yield* withoutSession(goTo((yield* afterLogout(sent)) ?? "/"))
})

export const LoginRoutes = HttpRouter.use(
  Effect.fn("LoginRoutes")(function* (router) {
    yield* route(router, "/login", { GET: open, POST: withPassword })
    yield* route(router, "/logout", { GET: Effect.flatMap(query, askToLeave), POST: leave, page: "/" })
  })
)
