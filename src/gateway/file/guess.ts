/** What a server that was only pointed at is called here, and its entry. */

import { mountName } from "./mounts.ts"

/** Words that say that something is a server, and not which one. */
const ANY = new Set([
  "mcp",
  "server",
  "api",
  "www",
  "index",
  "main",
  "cli",
  "app",
  "dist",
  "build",
  "src",
  "bin",
  "com",
  ""
])
const RUNNERS = new Set([
  "npx",
  "uvx",
  "bunx",
  "pnpx",
  "node",
  "tsx",
  "bun",
  "deno",
  "python",
  "python3",
  "npm",
  "pnpm"
])
const SUBCOMMANDS = new Set(["run", "exec", "dlx", "docker", "podman", "uv", "env"])

/** A package, an image or a file without what surrounds its name: scope, version, ending, "mcp" and "server". */
const bare = (word: string) =>
  word
    .replace(/^@/, "")
    .replace(/(?<=.)(==|[@:])[\w.^~-]*$/, "")
    .replace(/\.[cm]?[jt]s$|\.py$/, "")
    .split("-")
    .filter((part) => part !== "mcp" && part !== "server")
    .join("-")

/** The host, without what all hosts of servers have. */
export const nameOfUrl = (url: URL): string => {
  const labels = url.hostname.split(".")
  if (labels.length === 1 || /^[\d.]+$|^\[/.test(url.hostname))
    return mountName(url.hostname === "localhost" ? "local" : "server")
  return mountName(labels.slice(0, -1).find((label) => !ANY.has(label)) ?? "server")
}

/** The package, image or file that a command runs. */
export const nameOfCommand = (words: ReadonlyArray<string>): string => {
  const isNamed = (word: string) => !word.startsWith("-") && !/^\w+=(?!=)/.test(word)
  const named = words.filter(isNamed).map((word) => word.replace(/^.*\/(?=(npx|uvx|bunx|node|python3?)$)/, ""))
  const candidates = named.filter((word) => !RUNNERS.has(word) && !SUBCOMMANDS.has(word))
  const likely = candidates.find((word) => /mcp|server/.test(word)) ?? candidates[0] ?? "server"
  const parts = likely.split("/").map(bare)
  return mountName(parts.findLast((part) => !ANY.has(part) && part !== ".") ?? "server")
}
