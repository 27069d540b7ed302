/** Why a request to a mount came to nothing. The messages are for models and people: they name the mount by its title, and never an address. */

import { Schema } from "effect"

/** Not reached, not started, given up for a while, or too much of it at once. */
export class UpstreamUnavailable extends Schema.TaggedError<UpstreamUnavailable>()("UpstreamUnavailable", {
  message: Schema.String
}) {}

/** It took the request, and did not answer in time. */
export class UpstreamTooSlow extends Schema.TaggedError<UpstreamTooSlow>()("UpstreamTooSlow", {
  message: Schema.String
}) {}

/** It answered with a JSON-RPC error of its own; the words are cleaned and cut. */
export class UpstreamRefused extends Schema.TaggedError<UpstreamRefused>()("UpstreamRefused", {
  code: Schema.Number,
  message: Schema.String
}) {}

/** There is no token of this person for this mount, or the mount no longer takes it. */
export class SignInNeeded extends Schema.TaggedError<SignInNeeded>()("SignInNeeded", { mount: Schema.String }) {
  override get message() {
    return `a sign-in at ${this.mount} is needed`
  }
}

export type UpstreamFailed = UpstreamUnavailable | UpstreamTooSlow | UpstreamRefused | SignInNeeded
