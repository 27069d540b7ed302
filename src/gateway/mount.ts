/** A mount: an MCP server behind this one, as the owner described it and everything else reads it. */

import type { Duration, Redacted } from "effect"
import type { Scope } from "../oauth/scope.ts"
import type { Hints } from "../toolsets/declare.ts"

/** What an entry says for the child's own directory; put in where it is started. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is what people write
export const DIRECTORY = "${directory}"

/** A program that speaks MCP on its standard streams: a child for each session. */
export interface Stdio {
  readonly _tag: "Stdio"
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** All that it gets of an environment beside what any program needs. */
  readonly env: Readonly<Record<string, Redacted.Redacted>>
  /** Where it works; a directory of its own unless said. */
  readonly cwd: string | undefined
}

/** A server that speaks Streamable HTTP. */
export interface Http {
  readonly _tag: "Http"
  readonly url: string
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** Whether it may be in a private network: who writes the file may say so, a page may not. */
  readonly mayBePrivate: boolean
}

/** What the owner says of a tool, by the name that it has there. */
export interface ToolRule {
  /** What it is called here, in full. */
  readonly alias?: string
  readonly scope?: Scope
  readonly hints?: Hints
}

/** How this server signs a person in at a mount. Without a client of the owner's it makes itself known. */
export interface SignIn {
  readonly clientId?: string
  readonly clientSecret?: Redacted.Redacted
  readonly scope?: string
}

export interface Mount {
  /** At most 16 of `[a-zA-Z0-9_-]`: what its tools' names begin with. */
  readonly name: string
  /** What people read. */
  readonly title: string
  /** Who wrote it: a page can never write a command. */
  readonly origin: "file" | "page"
  readonly transport: Stdio | Http
  /** Who shares a session: all, the apps and chats of one person, or the calls of one chat. */
  readonly session: "shared" | "person" | "chat"
  readonly auth: "none" | "headers" | "oauth"
  readonly signIn: SignIn
  /** A session that nobody used for so long is ended. */
  readonly idle: Duration.Duration
  /** How long a request may take. */
  readonly timeout: Duration.Duration
  /** Whether a child's own directory stays for the next one of the same session; otherwise it goes with the child. */
  readonly keep: boolean
  /** The tools that are offered, by their names there; all unless said. */
  readonly tools: ReadonlyMap<string, ToolRule> | undefined
  /** Tools that are not offered, by their names there, whatever else is. */
  readonly except?: ReadonlyArray<string>
  readonly people: "everyone" | "owner" | ReadonlyArray<string>
  readonly disabled: boolean
  /** Another one whenever anything of it is another. */
  readonly fingerprint: string
}
