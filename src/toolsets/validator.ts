/**
 * Values held against a JSON Schema that was typed in. `ajv` is what the field checks JSON Schema with, and what the SDK has along. It is loaded
 * with the first of them: eighty files, of which most servers need none.
 */

import { createRequire } from "node:module"
import type { ErrorObject } from "ajv"
import { Result } from "effect"
import type { JsonSchema } from "./jsonSchema.ts"

const require = createRequire(import.meta.url)

const nameOf = ({ instancePath, params }: ErrorObject): string | undefined => {
  const [, first] = instancePath.split("/")
  if (first !== undefined) return first.replaceAll("~1", "/").replaceAll("~0", "~")
  const missing: unknown = params.missingProperty ?? params.additionalProperty
  return typeof missing === "string" ? missing : undefined
}

const wordsOf = (error: ErrorObject): string => {
  const name = nameOf(error)
  const message = error.keyword === "required" ? "is required" : (error.message ?? "is not valid")
  return name === undefined ? message : `${JSON.stringify(name)}: ${message}`
}

/** Throws where the schema is none (as `ajv` says it). Members with a default get it. */
export const validatorOf = (schema: JsonSchema) => {
  // As its types say, which `require` does not know.
  const { Ajv2020 }: typeof import("ajv/dist/2020.js") = require("ajv/dist/2020.js")
  const ajv = new Ajv2020({ allErrors: true, useDefaults: true, strict: false, validateFormats: false })
  const validate = ajv.compile(schema)
  return (value: unknown): Result.Result<unknown, ReadonlyArray<string>> => {
    // Defaults are written into the value, which is the caller's.
    const own = structuredClone(value)
    return validate(own) ? Result.succeed(own) : Result.fail((validate.errors ?? []).map(wordsOf))
  }
}
