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

/** What stands in a template: text, markup, a list of both, or nothing (`false` and `undefined`). */
export type Part = string | number | Html | false | undefined | ReadonlyArray<Part>
const render = (part: Part): string => {
  if (part === undefined || part === false) return ""
  if (part instanceof Html) return part.markup
  return typeof part === "object" ? part.map(render).join("") : escaped(String(part))
}

/** Everything put into the template is escaped unless it is `Html` itself. */
export const html = (template: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html =>
  new Html(template.map((text, index) => text + render(parts[index])).join(""))
