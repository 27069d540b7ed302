/** How a tool fails. */

import { Data } from "effect"
import type { OutboundFailed } from "../net/outbound.ts"

/** Why a tool has no answer. The words are for the model and its user: never a key, a URL with one, or a stack. */
export class ToolFailure extends Data.TaggedError("ToolFailure")<{ readonly message: string }> {
  constructor(message: string) {
    super({ message })
  }
}

/** Whatever may keep a tool from answering: the message is told. */
export type Failure = ToolFailure | OutboundFailed
