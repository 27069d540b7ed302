/**
 * People come in, sign in, change and recover their ways in, let apps in and are disabled, while the server is killed and
 * the way to the database is lost at any statement. What they were told holds, and what they were not told they can find out.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Fiber, Random, Redacted, Semaphore } from "effect"
import { Reactivity } from "effect/reactivity"
import { TestApp } from "../support/app.ts"
import { makeAuthenticator } from "../support/authenticator.ts"
import {
  type Answer,
  authorizeParameters,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  postForm,
  request,
  rpc
} from "../support/client.ts"
import { begunBy, identityProvider, providerVariables } from "../support/identityProvider.ts"
import { cookieOf, csrfOf, postPage, script, visitPage } from "../support/people.ts"
import { type Fate, postgresProxy } from "../support/postgresProxy.ts"
import { ready, run, said, start } from "../support/program.ts"
import { freePort, startPostgres } from "../support/realPostgres.ts"
import type { Chapter, Ordeal } from "./chapter.ts"
import { INVARIANTS } from "./invariants.ts"
import { type Patience, patience } from "./patience.ts"
import { LEAKED, PEOPLE_INVARIANTS } from "./peopleInvariants.ts"

const ACTORS = 4
/** How many lives one after another are held to, long after. */
const REMEMBERED = 30

type Corp = Effect.Success<ReturnType<typeof identityProvider>>
type Way = "password" | "passkey" | "provider"

/** Somebody as they know themselves. */
interface Self {
  readonly email: string
  readonly way: Way
  password: string
  readonly authenticator: ReturnType<typeof makeAuthenticator> | undefined
}

/** Who was disabled, with all that they had. */
interface Out {
  readonly self: Self
  readonly cookies: ReadonlyArray<string>
  readonly tokens: ReadonlyArray<string>
}

const isIn = ({ status, text }: Answer) => (status === 200 || status === 303) && !text.includes('role="alert"')
const below = (count: number) => Random.nextIntBetween(0, count - 1)
const pick = <A>(all: ReadonlyArray<A>) => Effect.map(below(all.length), (index) => all[index])

/** What people do, each until there is an answer. */
const makeDeeds = (corp: Corp, { ask }: Patience, { broken }: Ordeal, figures: Figures, secrets: Array<string>) => {
  const provider = Semaphore.makeUnsafe(1)
  const wanted = (promise: string, answer: Answer, holds: boolean) =>
    Effect.sync(() => {
      const told = answer.text.replace(/[\s\S]*<main/, "").slice(0, 900)
      if (!holds) broken(promise, `${answer.status} ${answer.headers.get("location")} ${told}`)
      return holds
    })
  const keep = (...values: ReadonlyArray<string>) => {
    secrets.push(...values.filter((value) => value.length >= 16))
    secrets.splice(0, secrets.length - 400)
  }
  const signedIn = (answer: Answer) => {
    const cookie = cookieOf(answer)
    keep(/gatehouse=([^;]+)/.exec(cookie)?.[1] ?? "")
    return cookie
  }
  const origin = Effect.map(TestApp, ({ baseUrl }) => ({ origin: baseUrl, rpId: "localhost" }))

  const throughProvider = (self: Pick<Self, "email">, leaving: Effect.Effect<Answer, never, TestApp>) =>
    provider.withPermits(1)(
      Effect.gen(function* () {
        const left = yield* ask(leaving)
        if (left.status !== 303) return left
        corp.state.person = { sub: self.email, email: self.email, email_verified: true, name: "Somebody" }
        const begun = begunBy(left)
        const back = yield* Effect.orDie(corp.walk(begun.location))
        // The state is good once, so this is not repeated but begun anew.
        const asking = request(back.pathname + back.search, { headers: { cookie: begun.cookie } })
        return yield* Effect.catchDefect(asking, () => Effect.succeed({ ...left, status: 503 }))
      })
    )

  /** Signs in once, however often that has to be begun. */
  const signIn = Effect.fnUntraced(function* (self: Self) {
    for (;;) {
      let answer: Answer
      if (self.way === "password") {
        answer = yield* ask(postForm("/login", { email: self.email, password: self.password }))
      } else if (self.way === "provider") {
        answer = yield* throughProvider(self, request("/login/corp"))
      } else {
        const { body } = yield* ask(script("/login/passkey/options", {}))
        const response = self.authenticator?.use(body.challenge, yield* origin)
        answer = yield* ask(script("/login/passkey", { response }))
        // The challenge is good once: a repeat finds it used.
        if (answer.status === 403 && answer.text.includes("was done before")) continue
      }
      if (answer.status >= 500 || answer.text.includes("begin again")) continue
      figures.signIns++
      return answer
    }
  })

  const page = (cookie: string, path = "/account") => ask(visitPage(path, cookie))
  const post = Effect.fnUntraced(function* (
    cookie: string,
    path: string,
    fields: Readonly<Record<string, string>> = {}
  ) {
    const csrf_token = csrfOf(yield* page(cookie))
    figures.deeds++
    return yield* ask(postPage(path, { cookie, csrf_token }, fields))
  })

  /** By a link, with the way in of their choice; and the link is used up then. */
  const comeIn = Effect.fnUntraced(function* (
    kind: "setup" | "invitation" | "reset",
    code: string,
    { email, way, password }: Pick<Self, "email" | "way" | "password">
  ) {
    keep(code, password)
    const fields = { code, name: "Somebody", ...(kind === "setup" ? { email } : {}) }
    let authenticator: Self["authenticator"]
    for (;;) {
      let answer: Answer
      if (way === "password") {
        answer = yield* ask(postForm(`/${kind}/password`, { ...fields, password }))
      } else if (way === "provider") {
        answer = yield* throughProvider({ email }, postForm(`/${kind}/provider`, { ...fields, provider: "corp" }))
      } else {
        const options = yield* ask(script(`/${kind}/passkey/options`, fields))
        answer = options
        if (options.status === 200) {
          const made = makeAuthenticator(options.body.user.id)
          const response = made.make(options.body.challenge, yield* origin)
          authenticator = made
          answer = yield* ask(script(`/${kind}/passkey`, { ...fields, response }))
          if (answer.status === 403 && answer.text.includes("was done before")) continue
        }
      }
      if (answer.status >= 500 || answer.text.includes("begin again")) continue
      const self: Self = { email, way, password, authenticator }
      // Unanswered, it was done: then the link says so, and the way in is there.
      if (answer.status === 410) {
        figures.unanswered++
        const later = yield* signIn(self)
        const promise = `${kind} by ${way}: what a link that is used up opened is there`
        return (yield* wanted(promise, later, isIn(later))) ? { self, cookie: signedIn(later) } : undefined
      }
      if (!(yield* wanted(`${kind} by ${way}: a link lets in`, answer, isIn(answer)))) return undefined
      const again = yield* ask(postForm(`/${kind}/password`, { ...fields, password: "another horse battery" }))
      yield* wanted(`${kind}: a link is used once`, again, again.status === 410)
      return { self, cookie: signedIn(answer) }
    }
  })

  const isOut = (promise: string, cookie: string) =>
    Effect.flatMap(page(cookie), (answer) => wanted(promise, answer, answer.status === 303 || answer.status === 401))

  /** An app with a token. */
  const letIn = Effect.fnUntraced(function* (cookie: string) {
    const { verifier, challenge } = newPkce()
    const form = yield* ask(getAuthorize(authorizeParameters(challenge), { cookie }))
    const { transaction, csrf_token } = formOf(form)
    const decided = yield* ask(
      postPage("/authorize/decision", { cookie, csrf_token }, { transaction, decision: "approve" })
    )
    const code = locationOf(decided).searchParams.get("code")
    if (!(yield* wanted("who consents gets a code", decided, code !== null))) return undefined
    const answer = yield* ask(exchange({ code: code ?? "", verifier }))
    if (!(yield* wanted("a code is redeemed", answer, answer.status === 200))) return undefined
    keep(code ?? "", answer.body.access_token, answer.body.refresh_token)
    return String(answer.body.access_token)
  })
  const tokenIs = (promise: string, token: string, status: 200 | 401) =>
    Effect.flatMap(ask(rpc(token, "tools/list")), (answer) => wanted(promise, answer, answer.status === status))

  return { ask, comeIn, signIn, signedIn, page, post, isOut, letIn, tokenIs, wanted, keep }
}
type Deeds = ReturnType<typeof makeDeeds>

interface Figures {
  signIns: number
  deeds: number
  lives: number
  disabled: number
  /** Links that were done without an answer. */
  unanswered: number
}

let born = 0
const newPassword = Effect.map(Random.nextIntBetween(1e8, 1e9), (n) => `horse battery staple ${n} ${++born}`)

/** From the invitation to the day on which they are disabled, or the end of what they have to do. */
const life = Effect.fnUntraced(function* (
  deeds: Deeds,
  owner: () => Effect.Effect<string, unknown, TestApp>,
  out: Array<Out>,
  figures: Figures
) {
  const email = `somebody${++born}@people.example`
  const way = (yield* pick<Way>(["password", "passkey", "provider"])) ?? "password"
  const invited = yield* deeds.post(yield* owner(), "/admin/people/invite", { email, role: "member" })
  const code = /\/invitation#([\w-]+)/.exec(invited.text)?.[1]
  if (!(yield* deeds.wanted("an owner invites", invited, code !== undefined))) return
  const come = yield* deeds.comeIn("invitation", code ?? "", { email, way, password: yield* newPassword })
  if (come === undefined) return
  const { self } = come
  let cookies = [come.cookie]
  let tokens: Array<string> = []
  const here = () => cookies.at(-1) ?? ""

  for (let steps = yield* Random.nextIntBetween(2, 6); steps > 0; steps--) {
    const deed = yield* below(6)
    if (deed === 0) {
      const answer = yield* deeds.signIn(self)
      if (!(yield* deeds.wanted(`${way}: who is here signs in`, answer, isIn(answer)))) return
      cookies.push(deeds.signedIn(answer))
    } else if (deed === 1) {
      const token = yield* deeds.letIn(here())
      if (token !== undefined) tokens.push(token)
    } else if (deed === 2 && way === "password") {
      const before = self.password
      const next = yield* newPassword
      deeds.keep(next)
      const answer = yield* deeds.post(here(), "/account/password", { current: before, password: next })
      // Unanswered, it was done: the form says that the old one is not theirs.
      const wasDone = answer.status === 422 && answer.text.includes("This is not your password.")
      if (!(yield* deeds.wanted("a password is changed", answer, isIn(answer) || wasDone))) return
      self.password = next
      const old = yield* deeds.ask(postForm("/login", { email, password: before }))
      yield* deeds.wanted("an old password is none", old, old.status === 401)
      for (const cookie of cookies.slice(0, -1)) yield* deeds.isOut("a new password ends other browsers", cookie)
      for (const token of tokens) yield* deeds.tokenIs("a new password ends apps", token, 401)
      cookies = cookies.slice(-1)
      tokens = []
    } else if (deed === 3) {
      const answer = yield* deeds.post(here(), "/account/everywhere")
      if (!(yield* deeds.wanted("who wants to is signed out everywhere", answer, isIn(answer)))) return
      for (const cookie of cookies.slice(0, -1)) yield* deeds.isOut("everywhere is everywhere: browsers", cookie)
      for (const token of tokens) yield* deeds.tokenIs("everywhere is everywhere: apps", token, 401)
      cookies = cookies.slice(-1)
      tokens = []
    } else if (deed === 4) {
      const made = yield* deeds.post(here(), "/account/codes")
      const codes = [...made.text.matchAll(/<code>([0-9A-Z-]{29})<\/code>/g)].map(([, code = ""]) => code)
      if (!(yield* deeds.wanted("ten codes are made", made, codes.length === 10))) return
      deeds.keep(...codes.flatMap((code) => [code, code.replaceAll("-", "")]))
      const [code = "", other = ""] = codes
      let recovered = yield* deeds.ask(postForm("/recover", { email, code }))
      if (recovered.text.includes("or the code was used before")) {
        recovered = yield* deeds.ask(postForm("/recover", { email, code: other }))
      }
      const link = /name="code" value="([\w-]+)"/.exec(recovered.text)?.[1] ?? ""
      const again = yield* deeds.ask(postForm("/recover", { email, code }))
      yield* deeds.wanted("a recovery code is used once", again, again.status === 401)
      if (link === "" || way !== "password") continue
      const password = yield* newPassword
      const renewed = yield* deeds.comeIn("reset", link, { email, way, password })
      if (renewed === undefined) return
      self.password = password
      for (const cookie of cookies) yield* deeds.isOut("a renewed way in ends browsers", cookie)
      for (const token of tokens) yield* deeds.tokenIs("a renewed way in ends apps", token, 401)
      cookies = [renewed.cookie]
      tokens = []
    } else {
      const answer = yield* deeds.page(here())
      if (!(yield* deeds.wanted("who is signed in stays so", answer, answer.status === 200))) return
      for (const token of tokens) yield* deeds.tokenIs("an app that was let in stays so", token, 200)
    }
  }
  figures.lives++
  if ((yield* below(2)) === 0) return
  const people = yield* deeds.page(yield* owner(), "/admin")
  const id = new RegExp(`${email}[\\s\\S]*?name="id" value="([0-9a-f-]{36})"`).exec(people.text)?.[1] ?? ""
  const disabled = yield* deeds.post(yield* owner(), "/admin/people/disable", { id })
  if (!(yield* deeds.wanted("an owner disables", disabled, isIn(disabled)))) return
  figures.disabled++
  out.push({ self, cookies, tokens })
  out.splice(0, out.length - REMEMBERED)
})

/** That whoever was disabled is out for good. */
const stayOut = Effect.fnUntraced(function* (deeds: Deeds, { self, cookies, tokens }: Out) {
  for (const cookie of cookies) yield* deeds.isOut("whoever is disabled is out: browsers", cookie)
  for (const token of tokens) yield* deeds.tokenIs("whoever is disabled is out: apps", token, 401)
  const answer = yield* deeds.signIn(self)
  yield* deeds.wanted(`whoever is disabled does not sign in by ${self.way}`, answer, !isIn(answer))
})

const FATES: ReadonlyArray<Fate> = ["unsent", "unknown", "unanswered"]

export const tormentPeople = Effect.fnUntraced(function* (ordeal: Ordeal) {
  const postgres = yield* Effect.acquireRelease(
    Effect.promise(() => startPostgres()),
    ({ stop }) => Effect.promise(stop)
  )
  const direct = new URL(postgres.url)
  const network = yield* postgresProxy(direct.hostname, Number(direct.port))
  const through = new URL(direct)
  through.port = String(network.port)
  yield* run("app/programs/dbInit.ts", { DATABASE_URL: direct.href })
  const sql = yield* PgClient.make({ url: Redacted.make(direct.href), maxConnections: 2 }).pipe(
    Effect.provide(Reactivity.layer)
  )
  const port = yield* Effect.promise(freePort)
  const baseUrl = `http://localhost:${port}`
  const app = { baseUrl, port, sql } as TestApp["Service"]
  const corp = yield* identityProvider().pipe(Effect.provideService(TestApp, app))
  const environment = {
    PORT: String(port),
    DATABASE_URL: through.href,
    DATABASE_POOL_SIZE: "5",
    RATE_LIMIT_ENABLED: "false",
    REFRESH_REUSE_GRACE_SECONDS: "600",
    AUTO_SEED_CLIENT_ID: "demo",
    AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1:4711/callback",
    SEALING_KEY: Buffer.alloc(32, 7).toString("base64url"),
    BUILT_IN_TOOLS: "calculator",
    LOG_LEVEL: "warn",
    OIDC_PROVIDERS: "corp",
    ...providerVariables("corp", corp.issuer)
  }
  const begin = start("main.ts", environment)
  const figures: Figures = { signIns: 0, deeds: 0, lives: 0, disabled: 0, unanswered: 0 }
  const harm = { kills: 0, "statements lost": 0, rounds: 0 }
  const secrets: Array<string> = []
  const patient = patience()
  const deeds = makeDeeds(corp, patient, ordeal, figures, secrets)
  const out: Array<Out> = []

  const examine = Effect.gen(function* () {
    for (const [promise, query] of Object.entries({ ...PEOPLE_INVARIANTS, ...INVARIANTS })) {
      const rows = yield* sql.unsafe(query)
      if (rows.length > 0) ordeal.broken(promise, rows.slice(0, 3))
    }
    const leaked = yield* sql.unsafe(LEAKED, [secrets])
    if (leaked.length > 0) ordeal.broken("no secret is written down", leaked.slice(0, 3))
  })

  yield* Effect.gen(function* () {
    // The first owner, by the link that the start prints.
    const ada = { email: "ada@people.example", way: "password" as const, password: yield* newPassword }
    const owned = yield* Effect.scoped(
      Effect.gen(function* () {
        const program = yield* begin
        const [, code = ""] = yield* said(program, /\/setup#([\w-]+)/)
        return yield* deeds.comeIn("setup", code, ada)
      })
    )
    if (owned === undefined) return
    // A browser of hers is fresh for ten minutes.
    let cookie = owned.cookie
    let since = performance.now()
    const owner = Effect.fnUntraced(function* () {
      if (performance.now() - since < 300_000) return cookie
      cookie = deeds.signedIn(yield* deeds.signIn(owned.self))
      since = performance.now()
      return cookie
    })

    let isStopped = false
    const actor = Effect.gen(function* () {
      while (!isStopped) {
        yield* life(deeds, owner, out, figures)
        const one = yield* pick(out)
        if (one !== undefined) yield* stayOut(deeds, one)
      }
    })
    const actors = yield* Effect.forkScoped(
      Effect.all(
        Array.from({ length: ACTORS }, () => actor),
        { concurrency: "unbounded", discard: true }
      )
    )
    const random = yield* Random.Random
    const roll = (sides: number) => Math.floor(random.nextDoubleUnsafe() * sides)
    const serving = Effect.scoped(
      Effect.gen(function* () {
        harm.rounds++
        network.decide(() => "passed")
        const program = yield* begin
        yield* ready(baseUrl, program)
        network.decide(() => {
          if (roll(60) !== 0) return "passed"
          harm["statements lost"]++
          return FATES[roll(FATES.length)] ?? "passed"
        })
        const until = patient.figures.answers + 20 + (yield* below(200))
        while (patient.figures.answers < until && !ordeal.isOver()) yield* Effect.sleep("5 millis")
        network.decide(() => "passed")
        program.process.kill("SIGKILL")
        harm.kills++
        yield* program.exited
        const strange = program
          .output()
          .split("\n")
          .filter((line) => /ended in a defect|unhandled|uncaught/i.test(line))
        if (strange.length > 0) ordeal.broken("nothing ends in a defect", strange.slice(0, 2))
        yield* examine
      })
    )
    while (!ordeal.isOver()) yield* serving
    yield* Effect.scoped(
      Effect.gen(function* () {
        const program = yield* begin
        yield* ready(baseUrl, program)
        isStopped = true
        yield* Fiber.join(actors)
        for (const one of out) yield* stayOut(deeds, one)
        yield* examine
      })
    )
  }).pipe(Effect.provideService(TestApp, app))
  return { ...harm, ...patient.figures, ...figures, "secrets looked for": secrets.length }
})

export const people: Chapter = { name: "people", share: 3, run: tormentPeople }
