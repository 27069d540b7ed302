/** What the text of a variable may be, and the value that it says. */

import { Effect, Result, Schema, SchemaTransformation } from "effect"
import { IpNetwork } from "effect/net"

export const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]

export const text = (isValid: (value: string) => boolean, message: string) =>
  Schema.String.check(Schema.makeFilter((value: string) => isValid(value) || message))

export const whole = (minimum: number, maximum: number) =>
  text(
    (value) => /^\d{1,15}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum,
    `must be a whole number from ${minimum} to ${maximum}`
  ).pipe(Schema.decodeTo(Schema.Number, SchemaTransformation.numberFromString))
export const integer = (minimum: number, maximum: number, fallback: number) =>
  withDefault(whole(minimum, maximum), fallback)

export const flag = Schema.Literals(["true", "false"])
  .annotate({ message: "must be true or false" })
  .pipe(
    Schema.decodeTo(
      Schema.Boolean,
      SchemaTransformation.transform({
        decode: (value) => value === "true",
        encode: (value): "true" | "false" => (value ? "true" : "false")
      })
    )
  )

export const oneOf = <const Values extends ReadonlyArray<string>>(...values: Values) =>
  Schema.Literals(values).annotate({ message: `must be one of ${values.join(", ")}` })

export const listOf = (isValid: (item: string) => boolean, message: string) =>
  text((value) => split(value).every(isValid), message).pipe(
    Schema.decodeTo(
      Schema.Array(Schema.String),
      SchemaTransformation.transform({ decode: split, encode: (items: ReadonlyArray<string>) => items.join(",") })
    )
  )

export const withDefault = <S extends Schema.Constraint>(schema: S, value: S["Type"]) =>
  Schema.withDecodingDefaultType<S>(Effect.succeed(value))(schema)

export const split = (value: string): ReadonlyArray<string> =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

export const parseUrl = (value: string) => (URL.canParse(value) ? new URL(value) : undefined)
export const isHttp = (url: URL | undefined): url is URL => url?.protocol === "http:" || url?.protocol === "https:"
const isHttpUrl = (value: string) => isHttp(parseUrl(value))
const isOrigin = (value: string) =>
  /^https?:/i.test(value)
    ? isHttpUrl(value.replace(/:\*$/, "")) && /^https?:\/\/[^/?#@*]+(:\*)?$/i.test(value)
    : isAppOrigin(value)
/** The origin of an app's own scheme, such as `capacitor://localhost`; `*` where each of its pages has another one. */
const isAppOrigin = (value: string) => {
  const [, scheme = ""] = /^([a-z][a-z0-9+.-]*):\/\/(\*|[a-z0-9._-]+(:\d{1,5})?)$/i.exec(value) ?? []
  return scheme !== "" && !FORBIDDEN_SCHEMES.includes(scheme.toLowerCase())
}
/** As a browser writes it: in lower case, without the port that the scheme implies. */
const asSerialized = (origin: string) => (isHttpUrl(origin) ? new URL(origin).origin : origin.toLowerCase())
const isHost = (value: string) => /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i.test(value)
export const isNetwork = (value: string) => Result.isSuccess(IpNetwork.fromString(asNetwork(value)))
export const asNetwork = (value: string) => (value.includes("/") ? value : `${value}/${value.includes(":") ? 128 : 32}`)

export const secret = Schema.RedactedFromValue(Schema.String)
export const longSecret = Schema.RedactedFromValue(
  text((value) => value.length >= 32, "must have at least 32 characters")
)
export const httpUrl = text(isHttpUrl, "must be an http or https URL")
export const origins = listOf(
  isOrigin,
  "must list origins such as https://app.example, separated by commas; * is not one"
).pipe(
  Schema.decode(
    SchemaTransformation.transform({
      decode: (items: ReadonlyArray<string>): ReadonlyArray<string> => items.map(asSerialized),
      encode: (items: ReadonlyArray<string>) => items
    })
  )
)
export const hosts = listOf(isHost, "must list host names such as app.example or app.example:8443; * is not one")

/** Schemes that run or show something in a browser, or are no private use at all. */
export const FORBIDDEN_SCHEMES = [
  "javascript",
  "data",
  "vbscript",
  "blob",
  "file",
  "about",
  "mailto",
  "http",
  "https",
  "ws",
  "wss"
]
