/**
 * What people do, with the connection to the database lost at each statement of it in turn: before it is sent, and after it
 * was done, when only its answer is missing. It was done then, or it was not, or as far as stands here; and they get on.
 */

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { People } from "../../src/people/People.ts"
import * as Argon2id from "../../src/people/passwords/argon2id.ts"
import { RecoveryStore } from "../../src/people/RecoveryStore.ts"
import { TestApp, testApp } from "../support/app.ts"
import { makeAuthenticator } from "../support/authenticator.ts"
import {
  type Answer,
  authorizeParameters,
  formOf,
  getAuthorize,
  newPkce,
  postForm,
  request
} from "../support/client.ts"
import { newCode, publicClient, tokens } from "../support/grants.ts"
import { beginAt, begunBy, identityProvider, providerVariables } from "../support/identityProvider.ts"
import { type Deed, isDone, loseEachStatement, losing } from "../support/losses.ts"
import { browserOf, csrfOf, postPage, script, somebody, visitPage } from "../support/people.ts"

const NOBODY = { id: undefined, address: undefined }
const PASSWORD = "correct horse battery"

type Services = Layer.Success<ReturnType<typeof testApp<unknown, never>>>
type Doing<A> = Effect.Effect<A, unknown, Services>
type Deeds = Readonly<Record<string, Deed<Services>>>

/** What there is of everything that people have: how many of each. */
const state = Effect.gen(function* () {
  const { sql } = yield* TestApp
  const rows = yield* sql<{ what: string; count: number }>`
    select 'people' as what, count(*)::int as count from mcp.people
    union all select 'passwords', count(password)::int from mcp.people
    union all select 'disabled', count(disabled_at)::int from mcp.people
    union all select 'owners', count(*)::int from mcp.people where role = 'owner'
    union all select 'passkeys', count(*)::int from mcp.passkeys
    union all select 'identities', count(*)::int from mcp.identities
    union all select 'browsers', count(*)::int from mcp.browser_sessions
    union all select 'links', count(*)::int from mcp.links
    union all select 'recovery codes', count(*)::int from mcp.recovery_codes
    union all select 'consents', count(*)::int from mcp.consents
    union all select 'ceremonies', count(*)::int from mcp.ceremonies
    union all select 'codes', count(*)::int from mcp.oauth_authorization_codes
    union all select 'apps', count(*)::int from mcp.mcp_sessions where status = 'active'
    union all select event, count(*)::int from mcp.audit_events group by event`.pipe(Effect.orDie)
  return new Map(rows.map(({ what, count }) => [what, count]))
})

const survives = (deed: Deed<Services>, variables: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { database, proxy } = yield* losing
    yield* Effect.gen(function* () {
      yield* somebody("Ada")
      yield* loseEachStatement(deed, state, proxy)
    }).pipe(Effect.provide(Layer.fresh(testApp(database, variables))))
  }).pipe(Effect.scoped)

let hashed: Redacted.Redacted | undefined
let people = 0

/** Somebody new, with a password, and a browser that has just signed in. */
const member = Effect.gen(function* () {
  const person = yield* somebody(`P${++people}`, "member")
  hashed ??= yield* Argon2id.hash(Redacted.make(PASSWORD))
  yield* (yield* People).setPassword(person.id, hashed, NOBODY)
  return person
})

const inBrowser = Effect.fnUntraced(function* (id: string) {
  const { cookie } = yield* browserOf(id)
  const csrf_token = csrfOf(yield* visitPage("/account", cookie))
  return { cookie, csrf_token }
})

/** An owner's browser. */
const owner = Effect.gen(function* () {
  const [ada] = (yield* (yield* People).list).filter(({ role }) => role === "owner")
  return yield* inBrowser(ada?.id ?? "")
})

const logIn = (email: string, password = PASSWORD, cookie = "") =>
  postForm("/login", { email, password }, cookie === "" ? {} : { cookie })

/** The same once more; where it was done before, the page says so, and they go on by `otherwise`. */
const orElse = (act: Doing<Answer>, status: number, words: RegExp, otherwise: Doing<Answer>) => () =>
  Effect.gen(function* () {
    const answer = yield* act
    if (isDone(answer)) return answer
    assert.strictEqual(answer.status, status, answer.text)
    assert.match(answer.text, words)
    return yield* otherwise
  })

const here = Effect.map(TestApp, ({ baseUrl }) => ({ origin: baseUrl, rpId: "localhost" }))

/** A passkey that was asked for at `path`, made by an authenticator of its own. */
const passkeyAt = Effect.fnUntraced(function* (path: string, fields: object, cookie = "") {
  const { challenge, user } = (yield* script(`${path}/options`, fields, cookie)).body
  const authenticator = makeAuthenticator(user.id)
  return {
    authenticator,
    act: script(path, { ...fields, response: authenticator.make(challenge, yield* here) }, cookie)
  }
})

const usePasskey = Effect.fnUntraced(function* (authenticator: ReturnType<typeof makeAuthenticator>) {
  const { challenge } = (yield* script("/login/passkey/options", {})).body
  return script("/login/passkey", { response: authenticator.use(challenge, yield* here) })
})

/** A person with an app, a second browser and a link to a new way in. */
const settled = Effect.gen(function* () {
  const person = yield* member
  yield* browserOf(person.id)
  yield* (yield* ClientRegistry).save(publicClient("one"))
  const code = yield* newCode("one", person.id)
  yield* tokens("one", code)
  yield* newCode("one", person.id)
  return person
})

const invited = Effect.gen(function* () {
  const email = `invited${++people}@people.example`
  const code = Redacted.value(yield* (yield* People).invite(email, "member", NOBODY))
  return { email, code, name: "Somebody" }
})

const deeds: Deeds = {
  "signs in with a password": {
    begin: Effect.gen(function* () {
      const { email } = yield* member
      const act = logIn(email)
      return { act, again: () => act }
    })
  },
  "signs in where somebody else was signed in": {
    begin: Effect.gen(function* () {
      const { email } = yield* member
      const { cookie } = yield* browserOf((yield* member).id)
      const act = logIn(email, PASSWORD, cookie)
      return { act, again: () => act }
    })
  },
  "proves anew who they are": {
    begin: Effect.gen(function* () {
      const { id, email } = yield* member
      const { cookie } = yield* browserOf(id)
      return { act: logIn(email, PASSWORD, cookie), again: () => logIn(email, PASSWORD, cookie) }
    })
  },
  "signs in with a passkey": {
    begin: Effect.gen(function* () {
      const { id } = yield* member
      const browser = yield* inBrowser(id)
      const { authenticator, act } = yield* passkeyAt(
        "/account/passkeys",
        { csrf_token: browser.csrf_token },
        browser.cookie
      )
      yield* act
      const using = usePasskey(authenticator)
      return { act: yield* using, again: () => Effect.flatten(using) }
    }),
    between: ["-1 ceremonies"]
  },
  "follows an invitation to a password": {
    begin: Effect.gen(function* () {
      const { email, ...link } = yield* invited
      const act = postForm("/invitation/password", { ...link, password: PASSWORD })
      return { act, again: orElse(act, 410, /used before.*href="\/login"/s, logIn(email)) }
    }),
    between: ["+1 invitation_followed, +1 password_set, +1 passwords, +1 people, -1 links"]
  },
  "follows an invitation to a passkey": {
    begin: Effect.gen(function* () {
      const { code, name } = yield* invited
      const { authenticator, act } = yield* passkeyAt("/invitation/passkey", { code, name })
      const again = () =>
        Effect.gen(function* () {
          const options = yield* script("/invitation/passkey/options", { code, name })
          if (options.status === 410) return yield* Effect.flatten(usePasskey(authenticator))
          return yield* (yield* passkeyAt("/invitation/passkey", { code, name })).act
        })
      return { act, again }
    }),
    between: [
      "-1 ceremonies",
      "+1 invitation_followed, +1 passkey_added, +1 passkeys, +1 people, -1 ceremonies, -1 links"
    ]
  },
  "follows a link to a new password": {
    begin: Effect.gen(function* () {
      const { id, email } = yield* settled
      const code = Redacted.value((yield* (yield* People).resetLink(id, NOBODY, "owner")) ?? Redacted.make(""))
      const act = postForm("/reset/password", { code, password: "another horse battery" })
      return { act, again: orElse(act, 410, /used before/, logIn(email, "another horse battery")) }
    }),
    between: [
      "+1 password_changed, +1 session_revoked, +1 signed_out_everywhere, +1 way_in_renewed, -1 apps, -1 browsers, -1 codes, -1 links"
    ]
  },
  "makes recovery codes": {
    begin: Effect.gen(function* () {
      const browser = yield* inBrowser((yield* member).id)
      const act = postPage("/account/codes", browser)
      return { act, again: () => act }
    })
  },
  "recovers with a code": {
    begin: Effect.gen(function* () {
      const { id, email } = yield* member
      const [code, other] = yield* (yield* RecoveryStore).renew(id, NOBODY)
      const recover = (code: Redacted.Redacted | undefined) =>
        postForm("/recover", { email, code: Redacted.value(code ?? Redacted.make("")) })
      return { act: recover(code), again: orElse(recover(code), 401, /or the code was used before/, recover(other)) }
    })
  },
  "changes the password": {
    begin: Effect.gen(function* () {
      const { id, email } = yield* settled
      const browser = yield* inBrowser(id)
      const act = postPage("/account/password", browser, { current: PASSWORD, password: "another horse battery" })
      return { act, again: orElse(act, 422, /not your password/, logIn(email, "another horse battery")) }
    })
  },
  "signs out everywhere": {
    begin: Effect.gen(function* () {
      const act = postPage("/account/everywhere", yield* inBrowser((yield* settled).id))
      return { act, again: () => act }
    })
  },
  "signs out": {
    begin: Effect.gen(function* () {
      const browser = yield* inBrowser((yield* member).id)
      const act = postPage("/logout", browser)
      return { act, again: orElse(act, 401, /not signed in/, visitPage("/login", browser.cookie)) }
    })
  },
  "lets an app in": {
    begin: Effect.gen(function* () {
      const { cookie } = yield* browserOf((yield* member).id)
      const { challenge } = newPkce()
      const page = yield* getAuthorize(authorizeParameters(challenge), { cookie })
      const { transaction, csrf_token } = formOf(page)
      const act = postPage("/authorize/decision", { cookie, csrf_token }, { transaction, decision: "approve" })
      return { act, again: () => act }
    })
  },
  "is disabled by an owner": {
    begin: Effect.gen(function* () {
      const { id } = yield* settled
      const act = postPage("/admin/people/disable", yield* owner, { id })
      return { act, again: () => act }
    })
  },
  "is made an owner": {
    begin: Effect.gen(function* () {
      const { id } = yield* settled
      const act = postPage("/admin/people/role", yield* owner, { id, role: "owner" })
      return { act, again: () => act }
    })
  },
  "is invited": {
    begin: Effect.gen(function* () {
      const act = postPage("/admin/people/invite", yield* owner, { email: `new${++people}@people.example` })
      return { act, again: () => act }
    })
  },
  "is given a link to a new way in": {
    begin: Effect.gen(function* () {
      const { id } = yield* member
      const act = postPage("/admin/people/reset", yield* owner, { id })
      return { act, again: () => act }
    })
  },
  "removes a passkey": {
    begin: Effect.gen(function* () {
      const { id } = yield* member
      const browser = yield* inBrowser(id)
      const made = yield* passkeyAt("/account/passkeys", { csrf_token: browser.csrf_token }, browser.cookie)
      yield* made.act
      const act = postPage("/account/passkeys/remove", browser, { id: made.authenticator.id })
      return { act, again: orElse(act, 409, /cannot be done/, visitPage("/account", browser.cookie)) }
    })
  }
}

type Corp = Effect.Success<ReturnType<typeof identityProvider>>

/** Back from the provider, with what the browser was given when it left. */
const comeBack = Effect.fnUntraced(function* (corp: Corp, { location, cookie }: ReturnType<typeof begunBy>) {
  const back = yield* corp.walk(location)
  return request(back.pathname + back.search, { headers: { cookie } })
})

const upstreamDeeds = (corp: Corp): Deeds => {
  const enter = Effect.flatMap(beginAt("/login/corp"), (begun) => comeBack(corp, begun))
  return {
    "comes in through a provider by an invitation": {
      begin: Effect.gen(function* () {
        const { email } = yield* invited
        corp.state.person = { sub: email, email, email_verified: true, name: "Somebody" }
        return { act: yield* enter, again: () => Effect.flatten(enter) }
      }),
      between: [
        "-1 ceremonies",
        "+1 identities, +1 identity_linked, +1 invitation_followed, +1 people, -1 ceremonies, -1 links"
      ]
    },
    "follows a link to a provider": {
      begin: Effect.gen(function* () {
        const { code, name, email } = yield* invited
        corp.state.person = { sub: email, email: `elsewhere-${email}`, email_verified: true }
        const posted = postForm("/invitation/provider", { code, name, provider: "corp" })
        const again = () =>
          Effect.gen(function* () {
            const answer = yield* posted
            return yield* answer.status === 410
              ? Effect.flatten(enter)
              : Effect.flatten(comeBack(corp, begunBy(answer)))
          })
        return { act: yield* comeBack(corp, begunBy(yield* posted)), again }
      }),
      between: [
        "-1 ceremonies",
        "+1 identities, +1 identity_linked, +1 invitation_followed, +1 people, -1 ceremonies, -1 links"
      ]
    }
  }
}

const options = { timeout: 300_000 }

describe("a person, where the database is lost at any statement of what they do:", () => {
  for (const [what, deed] of Object.entries(deeds)) it.live(what, () => survives(deed), options)

  it.live(
    "comes in through a provider",
    () =>
      Effect.gen(function* () {
        const corp = yield* identityProvider()
        const variables = { OIDC_PROVIDERS: "corp", ...providerVariables("corp", corp.issuer) }
        for (const deed of Object.values(upstreamDeeds(corp))) yield* survives(deed, variables)
      }).pipe(Effect.scoped),
    options
  )
})
