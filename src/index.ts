/**
 * Gatehouse, for those who write tools for it: `tool`, `prompt` and `resource` in files of `tools/`, and `serve` for programs that
 * embed the server. What is exported here is what stays.
 */

export { audio, type Content, content, embedded, image, link, type Part, text } from "./toolsets/content.ts"
export type { ToolContext } from "./toolsets/context.ts"
export { type Declaration, type Hints, tool } from "./toolsets/declare.ts"
export type { Asked, Elicited } from "./toolsets/elicit.ts"
export { ToolFailure } from "./toolsets/failure.ts"
export { type Message, type Prompt, type PromptArgument, prompt } from "./toolsets/prompt.ts"
export { type Resource, resource } from "./toolsets/resource.ts"
export type { Card, Declared, Person } from "./toolsets/tool.ts"

import type { Serve } from "./app/serve.ts"

/**
 * Runs a whole server until it is closed, with these tools beside those of `TOOLS_DIR`. Configured by the environment and `.env`, or by
 * `env` alone. Rejects with a sentence when it cannot start.
 */
export const serve: Serve = (options) => import("./app/serve.ts").then(({ serve }) => serve(options))
