/** Events, as people read them. */

import type { EventRow } from "../people/events.sql.ts"

/** In words, and whether somebody should look twice. */
const WORDS: Readonly<Record<string, readonly [words: string, isNotable?: boolean]>> = {
  setup_link_made: ["Made a link to set the server up", true],
  server_set_up: ["Set this server up as its first owner"],
  invitation_followed: ["Followed an invitation"],
  person_signed_up: ["Made an account", true],
  person_invited: ["Invited somebody"],
  invitation_withdrawn: ["Withdrew an invitation"],
  signed_in: ["Signed in"],
  signed_out: ["Signed out"],
  signed_out_everywhere: ["Signed out everywhere"],
  sign_in_failed: ["Failed to sign in", true],
  password_set: ["Set a password"],
  password_changed: ["Changed the password", true],
  reset_link_made: ["Got a link to a new way to sign in", true],
  way_in_renewed: ["Chose a new way to sign in", true],
  passkey_added: ["Added a passkey", true],
  passkey_removed: ["Removed a passkey", true],
  passkey_refused: ["A passkey was refused: it may have been copied", true],
  identity_linked: ["Linked another account", true],
  identity_unlinked: ["Unlinked another account", true],
  recovery_codes_made: ["Made new recovery codes", true],
  recovery_code_used: ["Used a recovery code", true],
  role_changed: ["Was given another role", true],
  person_disabled: ["Was disabled", true],
  person_enabled: ["Was enabled"],
  person_exported: ["All that is known of them was exported", true],
  person_deleted: ["Deleted somebody"],
  session_revoked: ["An app was disconnected"],
  session_compromised: ["An app's token was used twice, so it was disconnected", true],
  client_changed: ["Changed an app"],
  server_connected: ["Signed in at a server behind this one"],
  server_disconnected: ["Disconnected from a server behind this one"],
  servers_changed: ["Changed a server behind this one"],
  keys_rotated: ["Made new keys"],
  restored: ["Restored this server from a copy", true]
}

export const wordsOf = ({ event }: Pick<EventRow, "event">): string => WORDS[event]?.[0] ?? event
export const isNotable = ({ event }: Pick<EventRow, "event">): boolean => WORDS[event]?.[1] ?? false
/** Every kind, for a filter. */
export const EVENT_NAMES: ReadonlyArray<string> = Object.keys(WORDS)
