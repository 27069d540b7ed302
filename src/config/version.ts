/** The version of this package, which its manifest alone says. */

import { createRequire } from "node:module"

// Our own, beside `src` and `dist`: there is nothing to decode.
export const { version }: { readonly version: string } = createRequire(import.meta.url)("../../package.json")
