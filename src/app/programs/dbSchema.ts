/** `npm run db:schema`: writes supabase/schema.sql from the migrations. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { renderSchema } from "../../database/migrations.sql.ts"

writeFileSync(join(import.meta.dirname, "../../../supabase/schema.sql"), renderSchema())
