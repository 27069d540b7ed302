/** Pages whose texts stand at the top of the repository. */

import { pages, textOf } from "./.vitepress/pages.ts"

export default {
  paths: () =>
    pages
      .filter(({ file }) => !file.startsWith("docs/"))
      .map(({ file, name }) => ({ params: { name }, content: textOf(file) }))
}
