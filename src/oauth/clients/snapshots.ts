/**
 * Copies of the best-known client metadata documents, for when their servers cannot be reached. Each is what was published
 * at its URL on its date; the document itself goes before its copy whenever it can be fetched.
 */

interface Snapshot {
  /** The day of the copy. */
  readonly date: string
  readonly document: { readonly client_id: string; readonly [member: string]: unknown }
}

const codeGrant = {
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none"
}

const SNAPSHOTS: ReadonlyArray<Snapshot> = [
  {
    date: "2026-09-24",
    document: {
      client_id: "https://chatgpt.com/oauth/client.json",
      client_name: "ChatGPT",
      client_uri: "https://chatgpt.com/",
      redirect_uris: ["https://chatgpt.com/connector_platform_oauth_redirect"],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_methods_supported: ["none", "private_key_jwt"],
      token_endpoint_auth_signing_alg: "RS256",
      jwks_uri: "https://chatgpt.com/oauth/jwks.json"
    }
  },
  {
    date: "2026-09-24",
    document: {
      client_id: "https://chatgpt.com/oauth/codex/client.json",
      client_name: "Codex",
      client_uri: "https://chatgpt.com/",
      redirect_uris: ["http://127.0.0.1/callback", "http://localhost/callback"],
      ...codeGrant
    }
  },
  {
    date: "2026-09-24",
    document: {
      client_id: "https://claude.ai/oauth/mcp-oauth-client-metadata",
      client_name: "Claude",
      client_uri: "https://claude.ai",
      redirect_uris: ["https://claude.ai/api/mcp/auth_callback"],
      ...codeGrant
    }
  },
  {
    date: "2026-09-24",
    document: {
      client_id: "https://claude.ai/oauth/claude-code-client-metadata",
      client_name: "Claude Code",
      client_uri: "https://claude.ai",
      redirect_uris: ["http://localhost/callback", "http://127.0.0.1/callback"],
      ...codeGrant
    }
  },
  {
    date: "2026-09-24",
    document: {
      client_id: "https://vscode.dev/oauth/client-metadata.json",
      client_name: "Visual Studio Code",
      client_uri: "https://vscode.dev/product",
      application_type: "native",
      redirect_uris: ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
      ...codeGrant
    }
  }
]

/** By the URL that is the client's id. */
export const snapshots: ReadonlyMap<string, Snapshot> = new Map(
  SNAPSHOTS.map((snapshot) => [snapshot.document.client_id, snapshot])
)
