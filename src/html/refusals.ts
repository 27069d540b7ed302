/** The front's refusals as pages: what a browser shows where a program reads JSON. */

import { Layer, Record as Records } from "effect"
import { RefusalPages } from "../web/front.ts"
import { type ProblemOptions, problem } from "./page.ts"

export const REFUSALS = {
  notFound: {
    status: 404,
    title: "Nothing here",
    explanation: "There is no page at this address. Check it for a slip, or go on from the start page.",
    next: { href: "/", label: "Start page" }
  },
  // Every link from here would lead to the same name, and which names are right is not for everybody to know.
  forbidden: {
    status: 403,
    title: "Not by this name",
    explanation:
      "This server does not answer to the name in the address bar. Open it at the address that you were given; if this is " +
      "the one, whoever runs the server can add its name to MCP_ALLOWED_HOSTS."
  },
  serverError: {
    status: 500,
    title: "Something went wrong",
    explanation:
      "The fault is on our side. Go back and try once more; if it goes on, tell whoever runs this server the number below."
  }
} as const satisfies Record<keyof RefusalPages["Service"], ProblemOptions>

export const HtmlRefusals = Layer.succeed(RefusalPages, Records.map(REFUSALS, problem))
