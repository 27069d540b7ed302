/** Who people are, for OpenID Connect and for tools. */

import { Effect, Layer } from "effect"
import { Subjects } from "../oauth/Subjects.ts"
import { DEMO_SUBJECT } from "../oauth/subject.ts"
import { People } from "./People.ts"

const NOTHING_KNOWN = { name: undefined, email: undefined, emailVerified: false, roles: [] }

export const PeopleSubjects = Layer.effect(
  Subjects,
  Effect.map(People, (people) =>
    Subjects.of({
      claimsOf: Effect.fn("subjects.claimsOf")(function* (subject) {
        if (subject === DEMO_SUBJECT) return (yield* people.isSetUp) ? undefined : NOTHING_KNOWN
        const person = yield* people.find(subject)
        if (person === undefined || person.isDisabled) return undefined
        const { name, email, emailVerifiedBy, role } = person
        return { name, email, emailVerified: emailVerifiedBy !== undefined, roles: [role] }
      })
    })
  )
)
