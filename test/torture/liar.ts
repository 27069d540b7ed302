/**
 * A mounted server that keeps what it is told for as long as it lives, and answers as it is asked to: at once, late, twice,
 * after lies and rubbish, not at all, or by dying. On its standard streams, or over HTTP for the chapter that makes one.
 */

import { createInterface } from "node:readline"

export const MANNERS = ["right", "late", "twice", "liar", "rubbish", "huge", "torn", "mute", "dead"] as const
export type Manner = (typeof MANNERS)[number]

export interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly protocolVersion?: string
    readonly arguments?: { readonly nonce?: string; readonly manner?: Manner; readonly millis?: number }
  }
}

export const text = (value: string) => ({ content: [{ type: "text", text: value }] })
export const POISON = "poison"

const input = {
  type: "object",
  properties: { nonce: { type: "string" }, manner: { type: "string" }, millis: { type: "number" } }
}
const TOOLS = ["echo", "remember", "recall"].map((name) => ({ name, description: `Does ${name}.`, inputSchema: input }))

/** What is answered to all but a call. */
export const answerOf = ({ method, params }: Message): unknown => {
  if (method === "initialize") {
    return {
      protocolVersion: params?.protocolVersion,
      serverInfo: { name: "liar", version: "1.0.0" },
      capabilities: { tools: {} }
    }
  }
  if (method === "tools/list") return { tools: TOOLS }
  return method === "ping" ? {} : undefined
}

/** What a call answers: of this session alone. */
export const called = ({ params }: Message, memory: Array<string>) => {
  const nonce = params?.arguments?.nonce ?? ""
  if (params?.name === "recall") return text(JSON.stringify(memory))
  if (params?.name === "remember") memory.push(nonce)
  return text(nonce)
}

const serve = () => {
  const memory: Array<string> = []
  const say = (line: string) => process.stdout.write(`${line}\n`)
  const write = (message: object) => say(JSON.stringify({ jsonrpc: "2.0", ...message }))
  const lie = (id: unknown) => write({ id, result: text(POISON) })
  createInterface({ input: process.stdin }).on("line", (line) => {
    const message: Message = JSON.parse(line)
    const { id, method, params } = message
    if (id === undefined || method === undefined) return
    if (method !== "tools/call") {
      const result = answerOf(message)
      write(result === undefined ? { id, error: { code: -32601, message: "Method not found" } } : { id, result })
      return
    }
    const result = called(message, memory)
    const answer = () => write({ id, result })
    const { manner, millis = 0 } = params?.arguments ?? {}
    switch (manner) {
      case "late":
        return void setTimeout(answer, millis)
      case "twice":
        answer()
        return void lie(id)
      case "liar":
        for (const other of [Number(id) + 1000, null, -1, "another", { id }]) lie(other)
        return void answer()
      case "rubbish":
        for (const rubbish of ["", "{", "[]", "null", "true", '"text"', "\u0000\u0001", '{"jsonrpc":"2.0"}'])
          say(rubbish)
        return void answer()
      case "huge":
        say("x".repeat(3_000_000))
        return void answer()
      case "torn":
        process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }).slice(0, 20))
        return process.exit(1)
      case "mute":
        return
      case "dead":
        return process.exit(1)
      default:
        return answer()
    }
  })
}

if (import.meta.main) serve()
