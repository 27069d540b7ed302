/** Changes that some test must notice, one decision of the protocol or of a store each. */

import { authorize } from "./sabotages/authorize.ts"
import { clients } from "./sabotages/clients.ts"
import { database } from "./sabotages/database.ts"
import { gateway } from "./sabotages/gateway.ts"
import { grants } from "./sabotages/grants.ts"
import { keeping } from "./sabotages/keeping.ts"
import { pages } from "./sabotages/pages.ts"
import { people } from "./sabotages/people.ts"
import { server } from "./sabotages/server.ts"
import { telemetry } from "./sabotages/telemetry.ts"
import { tokens } from "./sabotages/tokens.ts"

export interface Sabotage {
  readonly name: string
  /** Below src/. */
  readonly file: string
  /** Stands there once. */
  readonly find: string
  readonly replace: string
  /** The test files that should notice. */
  readonly tests: ReadonlyArray<string>
}

export const sabotages: ReadonlyArray<Sabotage> = [
  ...authorize,
  ...clients,
  ...grants,
  ...tokens,
  ...people,
  ...pages,
  ...gateway,
  ...server,
  ...database,
  ...telemetry,
  ...keeping
]
