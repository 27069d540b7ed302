/** What a command answers: lines for people, or one JSON value for programs. */

import { Console, Schema } from "effect"
import { Flag } from "effect/cli"

/** It cannot be done, for a reason that is a sentence: exit code 1. */
export class NotDone extends Schema.TaggedError<NotDone>()("NotDone", { message: Schema.String }) {}

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("answer in JSON, for programs"),
  Flag.withDefault(false)
)

/** How many rows are printed. */
export const limit = (usual: number) =>
  Flag.Int("limit").pipe(
    Flag.withDescription("at most so many"),
    Flag.filter(
      (most) => most >= 1 && most <= 10_000,
      () => "a number from 1 to 10000"
    ),
    Flag.withDefault(usual)
  )

type Cell = string | number | Date | object | undefined

const textOf = (cell: Cell): string => {
  if (cell === undefined) return ""
  if (cell instanceof Date) return `${cell.toISOString().slice(0, 16).replace("T", " ")}Z`
  if (Array.isArray(cell)) return cell.join(" ")
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell)
}

/** Each member is there, whether it has a value or not. */
const toJson = (value: unknown) => JSON.stringify(value, (_, member) => (member === undefined ? null : member), 2)

/** Columns as wide as what stands in them. */
const layOut = (columns: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<Cell>>) => {
  const all = [columns, ...rows.map((row) => row.map(textOf))]
  const widths = columns.map((_, index) => Math.max(...all.map((row) => (row[index] ?? "").length)))
  return all
    .map((row) =>
      row
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** Prints rows: each an object whose members are the columns, in their order. */
export const printRows = <const Row extends Readonly<Record<string, Cell>>>(
  isJson: boolean,
  columns: ReadonlyArray<keyof Row & string>,
  rows: ReadonlyArray<Row>
) => {
  if (isJson) return Console.log(toJson(rows))
  if (rows.length === 0) return Console.log("none")
  const cells = rows.map((row) => columns.map((column) => row[column]))
  return Console.log(layOut(columns, cells))
}

/** Prints what was done: a sentence, or the facts. */
export const printDone = (isJson: boolean, facts: Readonly<Record<string, unknown>>, sentence: string) =>
  Console.log(isJson ? JSON.stringify(facts) : sentence)

/** Whoever acts at the command line is nobody in particular. */
export const OPERATOR = { id: undefined, address: undefined }
