/** `npm run build`: what the package holds, in `dist/`. Node strips no types under node_modules. */

import { execFileSync } from "node:child_process"
import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"

const ROOT = join(import.meta.dirname, "..")

rmSync(join(ROOT, "dist"), { recursive: true, force: true })
execFileSync(
  process.execPath,
  [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", join(ROOT, "tsconfig.build.json")],
  {
    stdio: "inherit"
  }
)
// What modules read beside themselves: style sheets, the script, the card.
cpSync(join(ROOT, "src"), join(ROOT, "dist"), { recursive: true, filter: (file) => !file.endsWith(".ts") })
