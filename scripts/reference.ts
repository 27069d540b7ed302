/**
 * `npm run docs:reference` (with `--check` it only says what would change): writes what docs/variables.md and docs/commands.md have between their marks: the variables, as
 * `.env.example` words them and the configuration decodes them; the commands, as each program's `--help` tells them.
 */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Redacted, Result } from "effect"
import { decode, isSecret } from "../src/config/environment.ts"

const ROOT = join(import.meta.dirname, "..")
/** Asked before the programs below are told arguments of theirs. */
const isCheck = process.argv.includes("--check")
const textOf = (file: string) => readFileSync(join(ROOT, file), "utf8")

/** One that belongs to a provider is shown once, whatever the provider of the example is called. */
const OF_PROVIDER = /^OIDC_CORP_/

interface Variable {
  readonly name: string
  /** What stands above it. */
  readonly words: string
}

interface Section {
  readonly title: string
  readonly variables: ReadonlyArray<Variable>
}

/**
 * What `.env.example` says: sections (`# --- title ---`), and in them variables, each below its words. Words with nothing
 * right below them are about the file.
 */
const sections = (): ReadonlyArray<Section> =>
  textOf(".env.example")
    .split(/^# --- (?=[^-\n]+ -+$)/m)
    .slice(1)
    .map((text) => {
      const [title = "", ...lines] = text.split("\n")
      const variables: Array<Variable> = []
      let words: Array<string> = []
      for (const line of lines) {
        const [, name] = /^#?([A-Z][A-Z0-9_]*)=/.exec(line) ?? []
        if (name !== undefined) variables.push({ name, words: words.join(" ") })
        words = line.startsWith("# ") ? [...words, line.slice(2)] : []
      }
      return { title: title.replace(/ -+$/, ""), variables }
    })

const cell = (text: string) => text.replaceAll("|", "\\|")
/** An angle bracket of a text would begin an element of a page. */
const plain = (text: string) => cell(text).replace(/<([^>]+)>/g, "`<$1>`")

/** What each variable is worth where nothing is said. */
const defaults: Readonly<Record<string, unknown>> = Result.getOrElse(decode({}), () => ({}))

const defaultOf = (name: string) => {
  const value = defaults[name]
  if (value === undefined || Redacted.isRedacted(value)) return ""
  return `\`${Array.isArray(value) ? value.join(",") : String(value)}\``
}

const variables = (): string =>
  sections()
    .map(({ title, variables }) =>
      [
        `## ${title.charAt(0).toUpperCase()}${title.slice(1)}`,
        "",
        "| variable | default | what it means |",
        "| --- | --- | --- |",
        ...variables.map(({ name, words }) => {
          const shown = name.replace(OF_PROVIDER, "OIDC_<NAME>_")
          const file = isSecret(name) ? ` May stand in a file: \`${shown}_FILE\`.` : ""
          return `| \`${shown}\` | ${defaultOf(name)} | ${plain(words)}${file} |`
        })
      ].join("\n")
    )
    .join("\n\n")

/**
 * What a program prints for `--help`. The module is loaded anew each time and what it stands on is not, so that some thirty
 * of them are a matter of seconds.
 */
const helpOf = (module: string, path: ReadonlyArray<string>) =>
  new Promise<string>((resolve, reject) => {
    const { log } = console
    console.log = (text: string) => {
      console.log = log
      resolve(text)
    }
    process.argv = [process.execPath, module, ...path, "--help"]
    import(`../src/${module}.ts?${path.join("-")}`).catch(reject)
  })

/** The lines of a part of what `--help` prints, each a name and what it is. */
const partOf = (help: string, title: string) => {
  const [, part = ""] = new RegExp(`^${title}\\n((?: {2}.*\\n?)+)`, "m").exec(help) ?? []
  return part.split("\n").flatMap((line) => {
    const [, name, words] = /^ {2}(.+?)(?: {2,}(.*))?$/.exec(line) ?? []
    return name === undefined ? [] : [{ name, words: words ?? "" }]
  })
}

interface Command {
  readonly usage: string
  readonly words: string
  readonly flags: ReadonlyArray<string>
}

/** A program's commands, from itself down to those with none below; what only has others below is not one. */
const commandsOf = async (module: string, path: ReadonlyArray<string> = []): Promise<ReadonlyArray<Command>> => {
  const help = await helpOf(module, path)
  const [{ name: usage = "" } = {}] = partOf(help, "USAGE")
  const below = partOf(help, "SUBCOMMANDS")
  const own = {
    usage: usage.replace(" <subcommand>", "").replace(" [flags]", ""),
    words: partOf(help, "DESCRIPTION")
      .map(({ name }) => name)
      .join(" "),
    flags: [...partOf(help, "ARGUMENTS"), ...partOf(help, "FLAGS")].map(({ name, words }) => {
      const [flag = "", type] = name.split(" ")
      return `\`${type === undefined || !flag.startsWith("-") ? flag : `${flag} …`}\` ${words}`.trim()
    })
  }
  const isGroup = below.length > 0 && own.flags.length === 0
  const found: Array<Command> = isGroup ? [] : [own]
  for (const { name } of below) found.push(...(await commandsOf(module, [...path, name])))
  return found
}

/** The rows of `cli.ts`: what is typed, what may follow, the module, and what it is for. */
const PROGRAMS = [...textOf("src/cli.ts").matchAll(/^ {2}\["(.+)", "(.*)", "(.+)", "(.+)"\],?$/gm)].map(
  ([, name = "", takes = "", module = "", purpose = ""]) => ({ name, takes, module, purpose })
)

// npm wrote it.
const { scripts }: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(textOf("package.json"))
/** How npm calls it here. */
const scriptOf = (module: string) => {
  const [name] = Object.entries(scripts).find(([, script]) => script.endsWith(` src/${module}.ts`)) ?? []
  return name === undefined ? "" : `\`npm ${name === "start" ? name : `run ${name}`}\``
}

const commands = async (): Promise<string> => {
  const rows = PROGRAMS.map(
    ({ name, takes, module, purpose }) =>
      `| \`${`gatehouse ${name} ${takes}`.trim()}\` | ${scriptOf(module)} | ${purpose} |`
  )
  const tables = [["| in a project | in this repository | |", "| --- | --- | --- |", ...rows].join("\n")]
  for (const { name, takes, module } of PROGRAMS) {
    if (takes === "") continue
    const found = (await commandsOf(module)).map(
      ({ usage, words, flags }) => `| \`${cell(usage)}\` | ${plain(words)} | ${flags.map(plain).join("; ")} |`
    )
    tables.push([`## ${name}`, "", "| | what it does | arguments |", "| --- | --- | --- |", ...found].join("\n"))
  }
  return tables.join("\n\n")
}

/** The page, with a text between its marks. */
const marked = (page: string, name: string, text: string): string =>
  page.replace(
    new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`),
    `$1\n${text.replaceAll("$", "$$$$")}\n\n$2`
  )

const texts = { variables: variables(), commands: await commands() }
for (const [name, text] of Object.entries(texts)) {
  const file = `docs/${name}.md`
  const page = textOf(file)
  const now = marked(page, name, text)
  if (now === page) continue
  if (isCheck) {
    console.error(`${file} is not what the code says: npm run docs:reference`)
    process.exitCode = 1
  } else writeFileSync(join(ROOT, file), now)
}
