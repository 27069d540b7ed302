/** What `run` gets beside its input. Members are made when they are asked for: most tools want one or two of them. */

import { Effect, Fiber, References } from "effect"
import { allowedFetch } from "../net/allowedFetch.ts"
import { type Asked, type Elicited, makeElicit } from "./elicit.ts"
import type { AnySchema, InputOf } from "./schemas.ts"
import type { Caller, Carrier, Host, Person } from "./tool.ts"

export interface ToolContext {
  /** Whom the tool works for. */
  readonly person: Person
  /** The app that called for them. */
  readonly client: { readonly id: string }
  /** What was granted to that app. */
  readonly scopes: ReadonlyArray<string>
  /** Aborted when the caller is gone, or the tool's time is over. */
  readonly signal: AbortSignal
  /** Tells the caller how far the work is, if they asked: `progress(2, 5, "packing")`. */
  readonly progress: (done: number, total?: number, text?: string) => void
  /** A line in the server's log, with the request's id and the tool's name. Never log a secret. */
  readonly log: (message: string, details?: Readonly<Record<string, unknown>>) => void
  /** `fetch` to the hosts that the declaration lists, and to no other; redirects among them are followed. */
  readonly fetch: typeof globalThis.fetch
  /** A variable of the environment (or `.env`); throws when it is not set, or is one of the server's own. */
  readonly secret: (name: string) => string
  /** As in the log and in the answer's `X-Request-Id`. */
  readonly requestId: string | undefined
  /**
   * Asks the person. The run ends there and begins anew with the answer, so do nothing before it that must not be done
   * twice. Where the app cannot show questions it fails in words.
   */
  readonly elicit: <const S extends AnySchema>(question: Asked<S>) => Promise<Elicited<InputOf<S>>>
}

export class Running implements ToolContext {
  readonly person: Person
  readonly #tool: { readonly name: string; readonly hosts: ReadonlyArray<string> }
  readonly #caller: Caller
  readonly #carrier: Carrier
  readonly #host: Host
  /** Of the request: what is logged later belongs to it, too. */
  readonly #fiber = Fiber.getCurrent()
  #controller: AbortController | undefined
  #elicit: ToolContext["elicit"] | undefined

  constructor(
    tool: { readonly name: string; readonly hosts: ReadonlyArray<string> },
    person: Person,
    caller: Caller,
    carrier: Carrier,
    host: Host
  ) {
    this.#tool = tool
    this.person = person
    this.#caller = caller
    this.#carrier = carrier
    this.#host = host
  }

  get client() {
    return { id: this.#caller.clientId }
  }

  get scopes() {
    return this.#caller.scopes
  }

  get signal() {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Tells the run that nobody waits any more, also if it asks only then. */
  abort(): void {
    this.#controller ??= new AbortController()
    this.#controller.abort()
  }

  get progress() {
    const { progress } = this.#carrier
    return (done: number, total?: number, text?: string) => progress?.(done, total, text)
  }

  get log() {
    const line = (message: string, details: Readonly<Record<string, unknown>> = {}) => {
      const told = Effect.annotateLogs(Effect.logInfo(message), { tool: this.#tool.name, ...details })
      if (this.#fiber === undefined) Effect.runFork(told)
      else Effect.runForkWith(this.#fiber.context)(told)
    }
    return line
  }

  get fetch() {
    return allowedFetch(this.#tool.hosts, () => this.signal)
  }

  get secret() {
    return (name: string) => {
      const value = this.#host.secret(name)
      if (value === undefined) throw new Error(`${name} is not set in the environment`)
      return value
    }
  }

  get requestId() {
    const { request_id } = this.#fiber?.getRef(References.CurrentLogAnnotations) ?? {}
    return typeof request_id === "string" ? request_id : undefined
  }

  get answers() {
    return this.#carrier.answers
  }

  get elicit() {
    this.#elicit ??= makeElicit(this.#carrier.answers)
    return this.#elicit
  }
}
