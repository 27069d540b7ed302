/** Grants a second at the token endpoint: refreshes of many sessions in turn, and codes, each redeemed once. */

import { execFileSync } from "node:child_process"
import { type RealPostgres, startPostgres } from "../../test/support/realPostgres.ts"
import { migrate, startGatehouse } from "./gatehouse.ts"
import { type Answer, load, post } from "./load.ts"
import type { Plan } from "./plan.ts"
import { onCore, root, SERVER_CORE, type Server, serve } from "./process.ts"
import { Samples } from "./statistics.ts"

interface Started {
  readonly server: Server
  readonly path: string
  readonly codes: (count: number) => Promise<ReadonlyArray<string>>
}
type Contender = (postgres: RealPostgres) => Promise<Started>

const gatehouse: Contender = async (postgres) => {
  const server = await startGatehouse(postgres.url)
  return { server, path: "/token", codes: server.codes }
}

/** Peers answer `GET /bench/codes?count=n` with bodies for their token endpoint, each with a code of its own. */
const peer =
  (script: string, path: string): Contender =>
  async (postgres) => {
    const server = await serve(`bench/src/servers/${script}`, { DATABASE_URL: postgres.url })
    const codes = async (count: number) => {
      const answer = await fetch(`http://localhost:${server.port}/bench/codes?count=${count}`)
      if (answer.status !== 200) throw new Error(`${script} made no codes: ${await answer.text()}`)
      return (await answer.json()) as ReadonlyArray<string>
    }
    return { server, path, codes }
  }

export const GATEHOUSE = "Gatehouse, Postgres"
export const BARE = "the same SQL, bare"
export const OIDC_PROVIDER = "`oidc-provider`, in memory"
export const BETTER_AUTH = "`better-auth`, the same Postgres"

/** Comes with a binary for some platforms only, and resets a connection now and then: no reason to lose the others. */
const OPTIONAL = "`workers-oauth-provider` in miniflare"

const CONTENDERS: Readonly<Record<string, Contender>> = {
  [GATEHOUSE]: gatehouse,
  [OIDC_PROVIDER]: peer("oidcProvider.ts", "/token"),
  [BETTER_AUTH]: peer("betterAuth.ts", "/api/auth/oauth2/token"),
  [OPTIONAL]: peer("workers.ts", "/token")
}

export const CONNECTIONS = 16
const HEADERS = { "Content-Type": "application/x-www-form-urlencoded" }

const tokensOf = ({ status, body }: Answer) => {
  const { access_token, refresh_token } = status === 200 ? JSON.parse(body) : {}
  return typeof access_token === "string" && typeof refresh_token === "string"
    ? { access_token, refresh_token }
    : undefined
}
const isRight = (answer: Answer) => tokensOf(answer) !== undefined

const grant = async ({ server, path }: Started, bodies: ReadonlyArray<string>) => {
  const answers: Array<Answer> = []
  let next = 0
  const { perSecond, wrong, sample } = await load({
    port: server.port,
    connections: CONNECTIONS,
    request: () => (last) => {
      if (last !== undefined) answers.push(last)
      const body = bodies[next++]
      return body === undefined ? undefined : post(path, body, HEADERS)
    },
    isRight
  })
  if (wrong > 0) throw new Error(`${wrong} codes were not redeemed, such as\n${sample}`)
  return { perSecond, answers }
}

/** A session's client, and the head of its chain of refresh tokens. */
interface Chain {
  readonly clientId: string
  head: string
}

const refreshBody = ({ clientId, head }: Chain) =>
  new URLSearchParams({ grant_type: "refresh_token", client_id: clientId, refresh_token: head }).toString()

/** Refreshes for some seconds, each connection in turn through chains that are its own. */
export const refresh = async (
  { port, path }: { readonly port: number; readonly path: string },
  chains: ReadonlyArray<Chain>,
  seconds: number
) => {
  const until = performance.now() + 1000 * seconds
  const { perSecond, wrong, sample } = await load({
    port,
    connections: CONNECTIONS,
    request: (connection) => {
      const own = chains.filter((_, index) => index % CONNECTIONS === connection)
      let turn = 0
      return (last) => {
        const asked = own[(turn - 1) % own.length]
        if (asked !== undefined && last !== undefined) asked.head = tokensOf(last)?.refresh_token ?? ""
        const chain = own[turn++ % own.length]
        return chain === undefined || performance.now() >= until ? undefined : post(path, refreshBody(chain), HEADERS)
      }
    },
    isRight
  })
  if (wrong > 0) throw new Error(`${wrong} refreshes failed, such as\n${sample}`)
  return perSecond
}

const bare = (postgres: RealPostgres, sessions: number, seconds: number): number => {
  const [command, args] = onCore(SERVER_CORE, process.execPath, ["bench/src/servers/bare.ts"])
  const env = {
    PATH: process.env.PATH ?? "",
    DATABASE_URL: postgres.url,
    SESSIONS: String(sessions),
    SECONDS: String(seconds)
  }
  return JSON.parse(execFileSync(command, args, { cwd: root, env, encoding: "utf8" })).perSecond
}

export const benchGrants = async (plan: Plan): Promise<Samples> => {
  const postgres = await startPostgres({ durable: true })
  migrate(postgres.url)
  const samples = new Samples()
  const record = (round: number, name: string, what: string, perSecond: number) => {
    samples.add(name, what, perSecond)
    console.log(`round ${round + 1}  ${name}, ${what}: ${Math.round(perSecond).toLocaleString("en")}/s`)
  }
  const sessions = Math.max(CONNECTIONS, plan.codes / 4)
  const measure = async (round: number, name: string, started: Started) => {
    // What warms up is what the refreshes begin with.
    const bodies = await started.codes(sessions)
    const clientId = new URLSearchParams(bodies[0]).get("client_id") ?? ""
    const { answers } = await grant(started, bodies)
    const chains = answers.flatMap((answer) => {
      const tokens = tokensOf(answer)
      return tokens === undefined ? [] : [{ clientId, head: tokens.refresh_token }]
    })
    record(round, name, "code", (await grant(started, await started.codes(plan.codes))).perSecond)
    const at = { port: started.server.port, path: started.path }
    await refresh(at, chains, plan.warmUp)
    record(round, name, "refresh", await refresh(at, chains, plan.seconds))
  }
  for (let round = 0; round < plan.rounds; round++) {
    record(round, BARE, "refresh", bare(postgres, sessions, plan.seconds))
    for (const [name, start] of Object.entries(CONTENDERS)) {
      const measured = start(postgres).then((started) =>
        measure(round, name, started).finally(() => started.server.stop())
      )
      await measured.catch((error: unknown) => {
        if (name !== OPTIONAL) throw error
        console.log(`round ${round + 1}  ${name} did not get through: ${error}`)
      })
    }
  }
  await postgres.stop()
  return samples
}
