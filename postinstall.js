/** `npm install` runs this last, in a clone and where the package is installed; without it, the first start takes longer. */

import { existsSync } from "node:fs"

const isClone = existsSync(new URL("src", import.meta.url))
await import(isClone ? "./src/app/programs/dbTemplate.ts" : "./dist/app/programs/dbTemplate.js").catch(() => {})
