// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of the servers behind this one. */

import type { Sabotage } from "../sabotages.ts"

export const gateway: ReadonlyArray<Sabotage> = [
  {
    name: "mounts: this server's own variables are handed on",
    file: "gateway/file/variables.ts",
    find: "if (isOurs(name)) {",
    replace: "if (isOurs(name) && name === inside) {",
    tests: ["test/gateway/file/variables.test.ts"]
  },
  {
    name: "mounts: a tool that is switched off is offered",
    file: "gateway/offer/offering.ts",
    find: " && !mount.except?.includes(name)",
    replace: "",
    tests: ["test/gateway/offer/offering.test.ts"]
  },
  {
    name: "mounts: a rule that is misspelt is passed over",
    file: "gateway/file/entry.ts",
    find: ', onExcessProperty: "error"',
    replace: "",
    tests: ["test/gateway/file/entry.test.ts"]
  },
  {
    name: "mounts: what only looks like a private network needs no https",
    file: "gateway/file/address.ts",
    find: "isIPv4(hostname)",
    replace: "/^[0-9]/.test(hostname)",
    tests: ["test/gateway/file/entry.test.ts"]
  },
  {
    name: "add: what is there already is overwritten",
    file: "gateway/file/write.ts",
    find: "replace || !isThere(name)",
    replace: "true",
    tests: ["test/gateway/file/write.test.ts"]
  },
  {
    name: "gateway: another server's tool by the name of ours",
    file: "gateway/offer/names.ts",
    find: "    if (used.has(name)) return\n",
    replace: "",
    tests: ["test/gateway/offer/names.test.ts"]
  },
  {
    name: "gateway: two cut names alike",
    file: "gateway/offer/names.ts",
    find: "return `${plain}_${digest(whole)}`",
    replace: "return plain",
    tests: ["test/gateway/offer/names.test.ts"]
  },
  {
    name: "gateway: a template that takes every address",
    file: "gateway/offer/relays.ts",
    find: "offers.templates.filter(({ listing }) => isTelling(listing.uriTemplate))",
    replace: "offers.templates",
    tests: ["test/gateway/offer/offering.test.ts"]
  },
  {
    name: "gateway: a document of a mount that was left out",
    file: "gateway/offer/relays.ts",
    find: "if (lacking !== undefined)",
    replace: "if (false)",
    tests: ["test/gateway/offer/offering.test.ts"]
  },
  {
    name: "gateway: a mount that is open to everybody",
    file: "gateway/access.ts",
    find: 'if (people === "owner") return roles.includes("owner")',
    replace: 'if (people === "owner") return true',
    tests: ["test/gateway/offer/offering.test.ts"]
  },
  {
    name: "gateway: a card of another mount",
    file: "gateway/offer/offering.ts",
    find: "if (uri === undefined || owners.get(uri) === mount)",
    replace: "if (true)",
    tests: ["test/gateway/offer/offering.test.ts"]
  },
  {
    name: "gateway: an upstream challenges in our name",
    file: "gateway/offer/result.ts",
    find: "!OURS.test(name) &&",
    replace: "",
    tests: ["test/gateway/offer/result.test.ts"]
  },
  {
    name: "gateway: data that is not what was approved",
    file: "gateway/offer/result.ts",
    find: 'const problem = given === undefined ? "there is no structuredContent" : judge(given.data)',
    replace: "const problem: string | undefined = undefined",
    tests: ["test/gateway/offer/result.test.ts"]
  },
  {
    name: "gateway: arguments go on unjudged",
    file: "gateway/offer/tools.ts",
    find: "if (problem !== undefined) return Effect.fail",
    replace: "if (false) return Effect.fail",
    tests: ["test/gateway/offer/offering.test.ts"]
  },
  {
    name: "gateway: what may have run is run again",
    file: "gateway/offer/tools.ts",
    find: "const isRepeatable = annotations.readOnlyHint && annotations.idempotentHint",
    replace: "const isRepeatable = true",
    tests: ["test/gateway/offer/offering.test.ts"]
  },
  {
    name: "gateway: a stranger's expression is tried",
    file: "gateway/offer/judge.ts",
    find: "areNames || !UNREAD.has(name)",
    replace: "true",
    tests: ["test/gateway/offer/judge.test.ts"]
  },
  {
    name: "catalogue: instructions are approved unread",
    file: "gateway/catalogue/CatalogueStore.ts",
    find: ' && kind !== "instructions"',
    replace: "",
    tests: ["test/gateway/catalogue/catalogue.test.ts"]
  },
  {
    name: "catalogue: what a page added is approved",
    file: "gateway/catalogue/Catalogue.ts",
    find: 'origin === "file" ? "file" : undefined',
    replace: '"file"',
    tests: ["test/gateway/catalogue/catalogue.test.ts"]
  },
  {
    name: "catalogue: what was not looked at is approved",
    file: "gateway/catalogue/CatalogueStore.ts",
    find: "and (${digest ?? null}::text is null or seen ->> 'digest' = ${digest ?? null})",
    replace: "and (${digest ?? null}::text is null or true)",
    tests: ["test/gateway/catalogue/catalogue.test.ts"]
  },
  {
    name: "catalogue: hidden characters are no change",
    file: "gateway/catalogue/clean.ts",
    find: "const digest = digestOf(meaningOf(raw))",
    replace: "const digest = digestOf(cleaned(meaningOf(raw), notes))",
    tests: ["test/gateway/catalogue/clean.test.ts"]
  },
  {
    name: "workers: each has a session of its own",
    file: "gateway/workers/routing.ts",
    find: "others.get(workerOf(mount, whose, workers))",
    replace: "undefined as ReturnType<typeof others.get>",
    tests: ["test/gateway/workers/routed.test.ts"]
  },
  {
    name: "vault: a seal opens for anybody",
    file: "gateway/vault/seal.ts",
    find: "JSON.stringify(words)",
    replace: '"anybody"',
    tests: ["test/gateway/vault/seal.test.ts"]
  },
  {
    name: "vault: a sign-in that began in another browser",
    file: "gateway/vault/vault.sql.ts",
    find: "        where state_hash = ${stateHash} and mount = ${mount} and person_id = ${personId}\n          and browser_session = ${browserSession} and expires_at",
    replace:
      "        where state_hash = ${stateHash} and mount = ${mount} and (person_id = ${personId} or true)\n          and (browser_session = ${browserSession} or true) and expires_at",
    tests: ["test/gateway/vault/signIn.test.ts"]
  },
  {
    name: "vault: everybody renews",
    file: "gateway/vault/vault.sql.ts",
    find: "and (refreshing_until is null or refreshing_until <= clock_timestamp())",
    replace: "",
    tests: ["test/gateway/vault/signIn.test.ts"]
  },
  {
    name: "vault: new tokens are given up with the first connection that is lost",
    file: "gateway/vault/renewal.ts",
    find: "Effect.retry(operation(rows.renewLink(owner, row.sealed, next)), WRITTEN)",
    replace: "operation(rows.renewLink(owner, row.sealed, next))",
    tests: ["test/gateway/vault/faults.test.ts"]
  },
  {
    name: "vault: tokens that were written, without an answer, are taken for somebody else's",
    file: "gateway/vault/vault.sql.ts",
    find: "sealed in (${before}, ${sealed}) returning mount",
    replace: "sealed = ${before} returning mount",
    tests: ["test/gateway/vault/faults.test.ts"]
  }
]
