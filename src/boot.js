/**
 * What has to be said before anything is loaded. JavaScript, and preloaded by `npm start`, since whatever is loaded before the
 * cache is there has its types stripped anew: by a program of 20 MB that stays.
 */

import { enableCompileCache } from "node:module"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"

// V8 would learn from the start, when all that is made stays, to make the same kind of thing among what is old; but then it
// is part of a request, and keeps the whole of it, with its answer, until the next great collection (200 MB under load).
// Before anything is compiled: the cache below is for these flags.
setFlagsFromString("--no-allocation-site-pretenuring")
// The young generation grows with what survives, and while modules are loaded everything does: it would have 60 MB from then
// on, of which a request needs a few kilobytes. `main.ts` lets it grow again.
setFlagsFromString("--semi-space-growth-factor=1")

// So that only the first start compiles it all. Beside the packages and not in a folder for temporary files, where others might
// put code for us; where nothing can be written, there is no cache.
enableCompileCache(join(import.meta.dirname, "../node_modules/.cache/gatehouse"))
