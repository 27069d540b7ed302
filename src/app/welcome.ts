/** What a person sees who has just started the server: where it is, and what to type next. */

import type { ServerConfigShape } from "../config/ServerConfig.ts"

export const welcome = (config: ServerConfigShape, scopes: Iterable<string>, setupUrl: string | undefined): string => {
  const { issuer, resource, seedClient } = config
  const database =
    config.database._tag === "Embedded"
      ? `embedded Postgres in ${config.database.dataDir} (set DATABASE_URL for your own)`
      : "Postgres, as DATABASE_URL says"
  const client =
    seedClient === undefined
      ? ["  Client          none seeded; set AUTO_SEED_CLIENT_ID and AUTO_SEED_REDIRECT_URIS"]
      : [
          `  Client id       ${seedClient.id} (${seedClient.secret === undefined ? "public, no secret" : "with a secret"})`,
          `  Redirects       ${seedClient.redirectUris.join("\n                  ")}`
        ]
  return [
    "",
    `Gatehouse is up on ${issuer}`,
    "",
    `  MCP             ${resource}`,
    `  Authorization   ${issuer}/authorize`,
    `  Token           ${issuer}/token`,
    `  Revocation      ${issuer}/revoke`,
    `  Scopes          ${[...scopes].join(" ")}`,
    ...client,
    `  Database        ${database}`,
    "",
    ...(setupUrl === undefined
      ? []
      : [
          `Set up  ${setupUrl}`,
          config.demoConsent
            ? "Until somebody follows that link and owns this server, anybody who reaches it can connect."
            : "Until somebody follows that link and owns this server, no app can be connected.",
          ""
        ]),
    "Next: give your MCP client the MCP address. It makes itself known and opens a consent page in",
    "your browser; allow it, and the tools are there. npm run doctor says which clients can connect,",
    "README.md what to type in each.",
    ""
  ].join("\n")
}
