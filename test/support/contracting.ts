/**
 * What a migration may not do while the version before it is still at work on the same database (a rolling deploy): take away, rename,
 * retype, or ask for more of what that one writes. It expands; what nobody uses any more is taken away by a later one, which says
 * so (`sinceOf`).
 */

/** The statements of a migration, in lower case, without comments and texts; what a function does is none of them. */
const statementsOf = (sql: string): ReadonlyArray<string> =>
  sql
    .replace(/\bas\s+(\$\w*\$)[\s\S]*?\1/gi, "as body")
    .replace(/--[^\n]*/g, "")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/'(?:[^']|'')*'/g, "''")
    .split(/;|\$\w*\$|\bbegin\b|\bloop\b|\bthen\b/i)
    .map((statement) => statement.replace(/\s+/g, " ").trim().toLowerCase())
    .filter((statement) => statement !== "")

const tableOf = (statement: string, pattern: RegExp) => pattern.exec(statement)?.[1]?.replaceAll('"', "")

const CREATED = /^create table (?:if not exists )?([\w."]+)/
const ALTERED = /^alter table (?:if exists )?(?:only )?([\w."]+)/
const INDEXED = /^create unique index .*?\bon (?:only )?([\w."]+)/

/** On what was there before. */
const RULES: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(drop|truncate)\b/, "takes away"],
  [
    /^alter (view|type|function|sequence|schema|index|trigger|domain)\b(?!.* add value\b)/,
    "changes what is used by name"
  ],
  [/^alter table .*\brename\b/, "renames"],
  [/^alter table .*\bset schema\b/, "moves"],
  [/^alter table .*\bdrop (?!not null\b|constraint\b)/, "takes away"],
  [/^alter table .*\b(set data )?type\b/, "changes a type"],
  [/^alter table .*\bset not null\b/, "asks for a value that the old version does not write"],
  [/^alter table .*\bset default\b/, "writes something else for the old version"],
  [/^alter table .*\bdisable (trigger|row level security)\b/, "switches off what the old version relies on"],
  [
    /^alter table .*\badd (constraint|check|unique|primary key|foreign key|exclude)\b(?!.*\bnot valid\b)/,
    "forbids what is there, or what the old version writes"
  ],
  [/^alter table .*\badd constraint \S+ (unique|primary key|exclude)\b/, "forbids what the old version writes"]
]

/** `add column` of something that must be there, and for which there is no default. */
const isDemandedColumn = (statement: string) =>
  statement
    .split(/,(?![^(]*\))/)
    .some(
      (part) =>
        /\badd (column\b|(?!constraint|check|unique|primary|foreign|exclude)\w+ )/.test(part) &&
        /\bnot null\b/.test(part) &&
        !/\b(default|generated)\b/.test(part)
    )

/** What of a migration would break the version before it, each with the reason. */
export const contractions = (sql: string): ReadonlyArray<string> => {
  const statements = statementsOf(sql)
  const isNew = (table: string | undefined) =>
    table !== undefined && statements.some((statement) => tableOf(statement, CREATED) === table)
  return statements.flatMap((statement) => {
    if (isNew(tableOf(statement, ALTERED))) return []
    const unique = tableOf(statement, INDEXED)
    const why =
      unique !== undefined && !isNew(unique)
        ? "forbids what the old version writes"
        : /^alter table/.test(statement) && isDemandedColumn(statement)
          ? "asks for a value that the old version does not write"
          : RULES.find(([pattern]) => pattern.test(statement))?.[1]
    return why === undefined ? [] : [`${why}: ${statement.slice(0, 120)}`]
  })
}
