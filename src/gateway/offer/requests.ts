/** A request of a caller to a mount: counted, alive for whoever waits, and its failures in words. */

import { Effect } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { InsufficientScope } from "../../oauth/errors.ts"
import * as Scope from "../../oauth/scope.ts"
import * as Bearer from "../../oauth/tokens/bearer.ts"
import { type Part, traceparentNow, within } from "../../telemetry/trace.ts"
import { ToolFailure } from "../../toolsets/failure.ts"
import { makeRoom } from "../../toolsets/running.ts"
import type { Caller, Carrier } from "../../toolsets/tool.ts"
import { madeOnce } from "../../web/derived.ts"
import type { SignInNeeded, UpstreamFailed } from "../failures.ts"
import type { Mount } from "../mount.ts"
import { Upstreams } from "../upstream/Upstreams.ts"

type Members = Readonly<Record<string, unknown>>

/** How many requests of all people, and of one, may wait for one mount: the others' answers do not wait for it. */
const AT_ONCE = 256
const PER_PERSON = 32
/** Clients give up what they hear nothing of. */
const HEARTBEAT = "15 seconds"
/** Each progress has to be more than the one before; a heartbeat is next to nothing. */
const BEAT = 1e-6

/** What a client that shows forms can do; nothing else that a mount asks for is passed on. */
const FORMS = { elicitation: { form: {} } }

export interface Request {
  readonly mount: Mount
  readonly caller: Caller
  readonly carrier?: Carrier
  readonly method: string
  readonly params: Members
  /** Whether asking twice is as good as once. */
  readonly isRepeatable?: boolean
}

const partOf = (mount: Mount, method: string) => (): Part => ({
  name: `${method} ${mount.name}`,
  kind: "client",
  attributes: { "mcp.method.name": method, "gatehouse.mount": mount.name }
})

const inWords = (error: UpstreamFailed): ToolFailure | SignInNeeded =>
  error._tag === "SignInNeeded" ? error : new ToolFailure(error.message)

/** Holds requests to one mount to how many may wait at once. How long each may, its sessions see to. */
const roomAt = ({ title }: Mount) => {
  const { refusal, count } = makeRoom({ title, atOnce: AT_ONCE, perPerson: PER_PERSON })
  return <A, E>(subject: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E | ToolFailure> =>
    Effect.suspend(() => {
      const refused = refusal(subject)
      if (refused !== undefined) return Effect.fail(refused)
      count(subject, 1)
      return Effect.onExitPrimitive(effect, () => {
        count(subject, -1)
        return undefined
      })
    })
}

export const makeRequests = Effect.gen(function* () {
  const upstreams = yield* Upstreams
  const { issuer, resource } = yield* ServerConfig
  const roomOf = madeOnce(roomAt)

  const asked = ({ mount, caller, carrier, method, params, isRepeatable }: Request, progress: Carrier["progress"]) => {
    const whose = { subject: caller.subject, grant: caller.grant, chat: carrier?.chat }
    const options = () => ({
      traceparent: traceparentNow(),
      ...(progress && { onProgress: progress }),
      ...(isRepeatable && { isRepeatable }),
      ...(carrier?.answers && { mayAsk: FORMS })
    })
    const sent = Effect.suspend(() => upstreams.request(mount, whose, method, params, options()))
    return Effect.mapError(within(partOf(mount, method), sent), inWords)
  }

  /** What a mount says of how far it is, and that it is still there where it says nothing. */
  const alive = (request: Request, progress: NonNullable<Carrier["progress"]>) =>
    Effect.suspend(() => {
      let last: number | undefined
      let total: number | undefined
      const report = asked(request, (done, of, text) => {
        if (last === undefined || done > last) {
          last = done
          total = of
          progress(done, of, text)
        }
      })
      const beat = Effect.sync(() => {
        last = (last ?? 0) + BEAT
        progress(last, total, undefined)
      })
      return Effect.raceFirst(report, Effect.forever(Effect.delay(beat, HEARTBEAT)))
    })

  /** The mount's answer, unread. */
  const request = (request: Request): Effect.Effect<Members, ToolFailure | SignInNeeded> => {
    const { mount, caller, carrier } = request
    const progress = carrier?.progress
    return roomOf(mount)(caller.subject, progress === undefined ? asked(request, undefined) : alive(request, progress))
  }

  /** Where somebody signs in at a mount. */
  const signInAt = (mount: Mount) => `${issuer}/connect/${mount.name}`

  /** The words for whoever has to sign in at a mount first. */
  const signInWords = (mount: Mount) =>
    `${mount.title} needs to know who you are. Open ${signInAt(mount)} in a browser, sign in there, and ask again.`

  /** The result of a tool for whoever has to, also as some clients read it (OpenAI Apps SDK, "Auth"). */
  const signInResult = (mount: Mount, caller: Caller) => ({
    isError: true,
    content: [{ type: "text", text: signInWords(mount) }],
    _meta: {
      "mcp/www_authenticate": [
        Bearer.challenge(
          resource,
          new Map(),
          new InsufficientScope({
            description: `a sign-in is needed, at ${signInAt(mount)}`,
            scope: Scope.format(caller.scopes.filter((name) => name !== Scope.OFFLINE_ACCESS.name)),
            missing: ""
          })
        )
      ]
    }
  })

  return { request, signInWords, signInResult }
})

export type Requests = Effect.Success<typeof makeRequests>
