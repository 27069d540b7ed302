/** `npm run acceptance`: writes docs/acceptance.md. */

import { writeFileSync } from "node:fs"
import { PAGE, renderPage } from "./coverage.ts"

writeFileSync(PAGE, renderPage())
