/**
 * What a mount's failures lead to. Starts that fail wait longer each time, and a program that fails five of them within five minutes
 * waits for its owner. Requests that fail because nobody is there, five in a row, are refused for a while at once; then one is let
 * through to see. Nobody sleeps in a caller's request: whoever comes too early is told so.
 */

import { UpstreamUnavailable } from "../failures.ts"
import type { Mount } from "../mount.ts"
import { unavailable } from "./miss.ts"

const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 16_000
const STARTS = 5
const STARTS_WITHIN_MS = 5 * 60_000
const IN_A_ROW = 5
const OPEN_MS = 10_000

export class Health {
  readonly mount: Mount
  private starts: ReadonlyArray<number> = []
  /** What the last one that failed said of itself. */
  private said = ""
  private nextStart = 0
  private inARow = 0
  private openUntil = 0
  private isTrying = false

  constructor(mount: Mount) {
    this.mount = mount
  }

  /** A program that fails again and again waits for its owner; a server elsewhere may come back by itself. */
  get isLooping(): boolean {
    return this.mount.transport._tag === "Stdio" && this.starts.length >= STARTS
  }

  /** Milliseconds since 1970, or 0. */
  get lastFailure(): number {
    return this.starts.at(-1) ?? 0
  }

  /** Whether the last that is known of it is that it does not start, or does not answer. */
  get isDown(): boolean {
    return this.starts.length > 0 || this.inARow >= IN_A_ROW
  }

  /** Whether nothing of it is worth keeping. */
  isForgotten(now: number): boolean {
    return !this.isLooping && this.inARow === 0 && now - this.lastFailure > STARTS_WITHIN_MS
  }

  /** Why nothing is started now. */
  startRefused(now: number): UpstreamUnavailable | undefined {
    if (this.isLooping) {
      return new UpstreamUnavailable({ message: `${this.said} That was so again and again: it waits for its owner.` })
    }
    if (now >= this.nextStart) return undefined
    const seconds = Math.ceil((this.nextStart - now) / 1000)
    return new UpstreamUnavailable({ message: `${this.said} Try again in ${seconds} seconds.` })
  }

  startFailed(now: number, { message }: { readonly message: string }): void {
    if (this.isLooping) return
    this.said = message.replace(/ Try again[^.]*\.$/, "")
    this.starts = [...this.starts.filter((at) => now - at < STARTS_WITHIN_MS), now]
    this.nextStart = now + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.starts.length - 1))
  }

  /** Why no request is sent now. What is let through has to end in `wasWell`, `wasDown` or `wasNothing`. */
  requestRefused(now: number): UpstreamUnavailable | undefined {
    if (this.inARow < IN_A_ROW) return undefined
    if (now >= this.openUntil && !this.isTrying) {
      this.isTrying = true
      return undefined
    }
    return unavailable(this.mount, "did not answer several times in a row. Try again in a few seconds.")
  }

  /** It answered: whatever failed before is over. */
  wasWell(): void {
    this.inARow = 0
    this.isTrying = false
    if (this.starts.length === 0) return
    this.nextStart = 0
    this.starts = []
  }

  wasDown(now: number): void {
    this.inARow++
    this.isTrying = false
    if (this.inARow >= IN_A_ROW) this.openUntil = now + OPEN_MS
  }

  /** Given up by its caller, or slow: it says nothing. */
  wasNothing(): void {
    this.isTrying = false
  }
}
