/** `npm install` runs this last: an empty embedded database is made, so that the first start need only copy it. */

import { makeTemplate } from "../../database/embedded.ts"

await makeTemplate()
