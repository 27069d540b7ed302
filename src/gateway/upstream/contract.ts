/** What is asked of mounts, for whom, and what they answer, as all of this room says it. */

/** Whose session a request belongs to. */
export interface Whose {
  readonly subject: string
  /** The id of our session: the app that this person allowed. */
  readonly grant: string
  readonly chat: string | undefined
}

export interface RequestOptions {
  /** The trace that it belongs to (W3C Trace Context), as the mount is told it in `_meta`. */
  readonly traceparent?: string | undefined
  readonly onProgress?: (done: number, total: number | undefined, text: string | undefined) => void
  /** Whether it may be sent again though it may have run. */
  readonly isRepeatable?: boolean
  /**
   * What the caller's client can be asked, as it declares it itself (`{ elicitation: {} }`). On the revision of 2026 a mount may then
   * answer `input_required`, which is passed on as it is; on the older ones it can ask nobody.
   */
  readonly mayAsk?: Readonly<Record<string, unknown>>
}

/** All that a mount offers, as it said it: nothing is judged yet. */
export interface Discovered {
  readonly serverInfo: { readonly name: string; readonly version: string; readonly title?: string }
  readonly protocolVersion: string
  readonly instructions: string | undefined
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly tools: ReadonlyArray<unknown>
  readonly prompts: ReadonlyArray<unknown>
  readonly resources: ReadonlyArray<unknown>
  readonly resourceTemplates: ReadonlyArray<unknown>
}

export interface SessionStatus {
  readonly mount: string
  /** Whose it is; nobody's where it is for all. */
  readonly subject?: string
  readonly key: string
  readonly state: "starting" | "up" | "down" | "crash-loop"
  readonly pid?: number
  /** Milliseconds since 1970, as the two below. */
  readonly since: number
  readonly lastUsed: number
  readonly calls: number
}

/** How a mount is in this process. */
export interface MountHere {
  /** Whether it cannot be asked now, as far as this process knows. */
  readonly isDown: boolean
  /** Processes of it that run. */
  readonly children: number
}
