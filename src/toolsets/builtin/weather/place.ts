/** Which of a geocoder's candidates was asked for, purely: its name, what stands behind a comma, how well known it is. */

import { Schema } from "effect"
import { plainText } from "../../untrusted.ts"
import { folded, isCountry, languagesOf, statesOf } from "./areas.ts"

/** Degrees. */
export const Latitude = Schema.Finite.check(Schema.isBetween({ minimum: -90, maximum: 90 }))
export const Longitude = Schema.Finite.check(Schema.isBetween({ minimum: -180, maximum: 180 }))

/** Where the weather is asked for. */
export interface Place {
  readonly name: string
  readonly latitude: number
  readonly longitude: number
}

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))

/** A place as Open-Meteo describes it, in the language that it was asked in. */
export const Candidate = Schema.Struct({
  name: Schema.String,
  latitude: Latitude,
  longitude: Longitude,
  country: Text,
  country_code: Text,
  admin1: Text,
  admin2: Text,
  admin3: Text,
  admin4: Text,
  feature_code: Text,
  population: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  postcodes: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})
export type Candidate = typeof Candidate.Type

/** A comma as it is written in any script. */
const COMMA = /[,،、]/
/** `TX 75460`: the state says where already. */
const ZIP_BEHIND_STATE = /^([a-z]{2})\s+\d{5}(?:-\d{4})?$/i

/** A name, and the areas that it is to be in: what stands behind commas, in the order of writing. */
export interface Asked {
  readonly name: string
  readonly areas: ReadonlyArray<string>
}

/** More than a street's address has. */
const MAX_AREAS = 5

/** Takes what a person wrote apart; without a name, or with more areas than there are, it names no place. */
export const askedOf = (text: string): Asked | undefined => {
  const [name, ...areas] = text
    .split(COMMA)
    .map((part) => part.trim().replace(ZIP_BEHIND_STATE, "$1"))
    .filter((part) => folded(part) !== "")
  return name === undefined || areas.length > MAX_AREAS ? undefined : { name, areas }
}

/** The same with its last word as an area, for `Paris TX`. */
export const withLastWordAsArea = ({ name, areas }: Asked): Asked | undefined => {
  const [, rest = "", last = ""] = /^(.*\S)\s+(\S+)$/.exec(name) ?? []
  return rest === "" || areas.length > 0 ? undefined : { name: rest, areas: [last] }
}

/** Whether a candidate is in all of these areas. */
export const isIn = (areas: ReadonlyArray<string>) => {
  const tests = areas.map(belongsTo)
  return (candidate: Candidate) => tests.every((test) => test(candidate))
}

const belongsTo = (area: string): ((candidate: Candidate) => boolean) => {
  const name = folded(area)
  const plain = withoutKind(name)
  const languages = languagesOf(area)
  const states = statesOf(name)
  return ({ country, country_code, admin1, admin2, admin3, admin4, postcodes }) => {
    const code = country_code ?? ""
    const region = folded(admin1 ?? "")
    return (
      [country, admin1, admin2, admin3, admin4].some((part) => {
        const other = folded(part ?? "")
        return other !== "" && (other === name || withoutKind(other) === plain)
      }) ||
      isCountry(name, code, languages) ||
      states.some((state) => state.country === code && [region, withoutKind(region)].includes(state.name)) ||
      hasPostcode(postcodes, area)
    )
  }
}

const hasPostcode = (postcodes: Candidate["postcodes"], code: string) =>
  postcodes?.includes(code.toUpperCase()) === true

const KIND =
  "region|state|province|county|prefecture|oblast|district|department|canton|governorate|municipality|land|parish|shi|ken"
const KIND_BEHIND = new RegExp(` (?:${KIND})$`)
const KIND_BEFORE = new RegExp(`^(?:${KIND}|city) (?:of )?`)
/** `Lamar County` is Lamar, `State of Berlin` and `Land Berlin` are Berlin. */
const withoutKind = (name: string) => name.replace(KIND_BEHIND, "").replace(KIND_BEFORE, "")

/** Whether a candidate is called what was asked for, or has it as a postal code. */
export const isCalled = (asked: string) => {
  const name = folded(asked)
  return (candidate: Candidate) => folded(candidate.name) === name || hasPostcode(candidate.postcodes, asked)
}

/** Codes and postal codes are no words of a language. */
export const isCode = (name: string) => /\d/.test(name)

const WELL_KNOWN = 50_000
const populationOf = ({ population }: Candidate) => population ?? 0

/** A capital, a country, or a place that many live in: who says its name means no hamlet. */
export const isWellKnown = (candidate: Candidate) =>
  populationOf(candidate) >= WELL_KNOWN || /^(?:PPLC|PCL.*)$/.test(candidate.feature_code ?? "")

/** How many times more people live where a name of another language leads, for the English namesake to give way. */
const FAR_BETTER_KNOWN = 10
const HAMLET = 1_000

/**
 * The candidate that was meant: the one called so in English; but the one called so in another language if English has
 * none, or if it is far better known (Warszawa is a hamlet in Ohio, and Roma a town in Texas). Where nothing is called
 * so, the geocoder's own first choice, which knows more spellings than it tells.
 */
export const chosen = (
  name: string,
  english: ReadonlyArray<Candidate>,
  others: ReadonlyArray<Candidate>
): Candidate | undefined => {
  const isExact = isCalled(name)
  const namesake = english.find(isExact)
  const local = others.filter(isExact).sort((one, two) => populationOf(two) - populationOf(one))[0]
  if (namesake === undefined || local === undefined) return namesake ?? local ?? english[0] ?? others[0]
  const known = Math.max(populationOf(namesake), HAMLET)
  return populationOf(local) >= FAR_BETTER_KNOWN * known ? local : namesake
}

/** As it is told: its name, region and country. */
export const placeOf = (candidate: Candidate): Place => {
  const { name, admin1, country, country_code, latitude, longitude } = candidate
  const parts = [name, admin1, country ?? country_code].filter(
    (part) => part !== undefined && part !== null && part !== ""
  )
  return { name: plainText([...new Set(parts)].join(", "), 200), latitude, longitude }
}
