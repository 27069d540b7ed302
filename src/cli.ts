#!/usr/bin/env node
/** `gatehouse …`: our programs by one name, for whoever installed the package. */

import { extname } from "node:path"
import { fileURLToPath } from "node:url"
import { version } from "./config/version.ts"

/** What is typed, what may follow it, the module that is the program, and what it is for. */
const PROGRAMS = [
  ["init", "[folder]", "app/programs/init", "begin a project: a first tool, and what it needs"],
  ["start", "", "main", "run the server"],
  ["dev", "", "app/programs/dev", "run it, and reload the tools as they change"],
  ["tools", "[call]", "app/programs/tools", "list the tools, or run one"],
  ["add", "[server]", "app/programs/add", "mount a server: a recipe, an address, a command"],
  ["servers", "<command>", "app/programs/servers", "look after what mounted servers offer"],
  ["doctor", "<url>", "app/programs/doctor", "probe a deployment as each client does"],
  ["db init", "", "app/programs/dbInit", "apply the migrations that the database lacks"],
  ["db check", "", "app/programs/dbCheck", "say whether the database can be used"],
  ["backup", "[file]", "app/programs/backup", "copy the database, or verify a copy"],
  ["restore", "<file>", "app/programs/restore", "put a copy into the database"],
  ["admin", "<command>", "app/programs/admin", "look after people, apps, clients and keys"],
  ["cleanup", "", "app/programs/cleanupRun", "delete what has expired, once"]
] as const

const HELP = [
  `Gatehouse ${version}`,
  "",
  "Usage: gatehouse <command>",
  "",
  ...PROGRAMS.map(([name, takes, , purpose]) => `  ${`${name} ${takes}`.padEnd(18)}${purpose}`),
  "",
  "--help after one that takes something tells all of it."
].join("\n")

const isNewEnough = (node: string) => {
  const [major = 0, minor = 0] = node.split(".").map(Number)
  return major > 24 || (major === 24 && minor >= 7)
}

const refuse = (words: string, code: number) => {
  console.error(words)
  process.exitCode = code
}

const typed = process.argv.slice(2).join(" ")
const program = PROGRAMS.find(([name]) => `${typed} `.startsWith(`${name} `))

if (!isNewEnough(process.versions.node)) {
  refuse(`Gatehouse needs Node 24.7 or newer; this is ${process.versions.node}.`, 1)
} else if (program !== undefined) {
  const [name, takes, module] = program
  if (takes === "" && typed !== name) {
    refuse(`gatehouse ${name} takes no arguments: the environment and .env say how.`, 2)
  } else {
    const url = new URL(`./${module}${extname(import.meta.url)}`, import.meta.url)
    // From here on all is as if that module had been started: its arguments, and what `WORKERS` are started with.
    process.argv.splice(1, 1 + name.split(" ").length, fileURLToPath(url))
    await import(url.href)
  }
} else if (["", "--help", "-h", "help"].includes(typed)) {
  console.log(HELP)
} else if (["--version", "-v"].includes(typed)) {
  console.log(version)
} else {
  refuse(`There is no command "${typed}".\n\n${HELP}`, 2)
}
