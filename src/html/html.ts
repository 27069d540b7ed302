/** HTML that is escaped by construction. */

/** Text that is markup already. */
export class Html {
  readonly markup: string
  constructor(markup: string) {
    this.markup = markup
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)

type Part = string | Html | ReadonlyArray<Html>
const render = (part: Part): string =>
  typeof part === "string" ? escaped(part) : part instanceof Html ? part.markup : part.map(render).join("")

/** Everything put into the template is escaped unless it is `Html` itself. */
export const html = (template: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html =>
  new Html(template.map((text, index) => text + render(parts[index] ?? "")).join(""))
