/** Why a person does not get the page they asked for. */

import { Data, Schema } from "effect"
import type { Visit } from "../people/browserSessions.sql.ts"

/** Nobody is signed in with this browser. */
export class SignedOut extends Schema.TaggedError<SignedOut>()("SignedOut", {}) {}
/** The person has to prove anew who they are. */
export class NotFresh extends Schema.TaggedError<NotFresh>()("NotFresh", {}) {}
/** The page is for owners, and this person is none. */
export class NotAllowed extends Data.TaggedError("NotAllowed")<{ readonly visit: Visit }> {}
/** The form came from elsewhere, or from before the last sign-in. */
export class FormForeign extends Schema.TaggedError<FormForeign>()("FormForeign", {}) {}
/** What was asked for is not there, or not this person's. */
export class NotThere extends Schema.TaggedError<NotThere>()("NotThere", {}) {}
/** It cannot be done; `explanation` says why to the person. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { explanation: Schema.String }) {}
