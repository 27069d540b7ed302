/** For whom a mount is there at all. */

import type { Person } from "../toolsets/tool.ts"
import type { Mount } from "./mount.ts"

/** Of an address only that of which somebody vouched that it is the person's. */
export const mayUse = (
  { people }: Pick<Mount, "people">,
  { roles, email }: Pick<Person, "roles" | "email">
): boolean => {
  if (people === "everyone") return true
  if (people === "owner") return roles.includes("owner")
  return email !== undefined && people.some((one) => one.toLowerCase() === email.toLowerCase())
}
