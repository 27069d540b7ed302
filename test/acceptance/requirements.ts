/**
 * What this server has to do, one row each: request → answer. Tests begin their names with the ids that they prove.
 * docs/acceptance.md is made of it.
 */

export interface Requirement {
  readonly id: string
  readonly area: string
  readonly text: string
  /** The rule's own place. */
  readonly source: string
}

const rows = (area: string, ...all: ReadonlyArray<readonly [id: string, text: string, source: string]>) =>
  all.map(([id, text, source]): Requirement => ({ id, area, text, source }))

export const requirements: ReadonlyArray<Requirement> = [
  ...rows(
    "Metadata",
    [
      "MD1",
      "`GET /.well-known/oauth-authorization-server` → 200 `application/json`; `issuer` == BASE_URL byte for byte",
      "RFC 8414 §3.2–3.3"
    ],
    [
      "MD2",
      'it lists `response_types_supported:["code"]`, `grant_types_supported:["authorization_code","refresh_token"]`, `code_challenge_methods_supported:["S256"]`, auth methods incl. `none`, `authorization_response_iss_parameter_supported:true`, `client_id_metadata_document_supported:true`, revocation endpoint and its auth methods; nothing unimplemented',
      "RFC 8414 §2; MCP 2026-07-28"
    ],
    [
      "MD3",
      "same with `Host: evil.example`, `X-Forwarded-Host: evil.example`, `X-Forwarded-Proto: http` → 403 or identical body; the string never echoed, nor in `WWW-Authenticate`, nor in `Location`",
      "RFC 8414 §3"
    ],
    [
      "MD4",
      "`GET /.well-known/openid-configuration` → 200, same members, `code_challenge_methods_supported` present",
      "MCP"
    ],
    [
      "MD5",
      '`GET /.well-known/oauth-protected-resource/mcp` and root form → 200; `resource` == BASE_URL + `/mcp`, `authorization_servers:[issuer]`, `bearer_methods_supported:["header"]`',
      "RFC 9728 §3"
    ],
    [
      "MD6",
      "AS `scopes_supported` contains `offline_access`; protected-resource metadata and challenges do **not**",
      "MCP refresh guidance"
    ],
    [
      "MD7",
      "`OPTIONS` preflight on MD1/MD5 → 204 with `Access-Control-Allow-Origin`; `POST` → 405 `Allow: GET, HEAD` (order free)",
      "RFC 9110 §15.5.6"
    ],
    [
      "MD8",
      "`registration_endpoint` absent when DCR is off; no `registration_client_uri` unless RFC 7592 is served",
      "RFC 7591 §3.2.1, RFC 7592"
    ]
  ),
  ...rows(
    "Authorization endpoint",
    [
      "AZ1",
      "valid GET, signed-in user, consent given → 303 `redirect_uri?code=…&state=<same bytes>&iss=<issuer>`; `Cache-Control: no-store`",
      "RFC 6749 §4.1.2; RFC 9207"
    ],
    ["AZ2", "same as form POST → same; JSON body → 400", "RFC 6749 §3.1"],
    ["AZ3", "unknown / missing / malformed `client_id` → 400 page, no write", "RFC 6749 §4.1.2.1"],
    ["AZ4", "missing `redirect_uri`, or not registered → 400 page", "OAuth 2.1 §4.1.1"],
    [
      "AZ5",
      "registered `https://c.example/cb`; send `:443`, upper-case host, trailing `/`, `%2e`, `/cb/../cb`, extra query, userinfo, fragment → each 400 page",
      "RFC 9700 §4.1.3"
    ],
    [
      "AZ6",
      "registered `http://127.0.0.1/cb`: any port → accepted; `127.0.0.2`, `localhost`, `[::1]`, other path, `https` → 400 page. `localhost` with free port: allowed only if registered so (documented deviation, Claude Code needs it)",
      "RFC 8252 §7.3"
    ],
    [
      "AZ7",
      "`state` twice → redir `invalid_request`, **no** `state` in it; `client_id` or `redirect_uri` twice → 400 page",
      "RFC 6749 §3.1"
    ],
    [
      "AZ8",
      "registered URI with query `?a=1` → result keeps `a=1` once and adds ours; no `code` supplied by caller survives",
      "RFC 6749 §3.1.2"
    ],
    ["AZ9", "any error with an unregistered URI → never a redirect", "RFC 9700 §4.11"],
    ["AZ10", "no `code_challenge` → redir `invalid_request`", "RFC 7636 §4.4.1"],
    ["AZ11", "`code_challenge_method` missing, `plain`, `s256`, `S512` → redir `invalid_request`", "RFC 6749 §4.1.1"],
    ["AZ12", "challenge of 42/44 chars or with `=`/`+` → redir `invalid_request`", "RFC 7636 §4.2"],
    [
      "AZ13",
      "`response_type` missing → redir `invalid_request`; `token`, `code token`, `id_token` → redir `unsupported_response_type`; for a client that registered itself or is known by its document only: a page until a person has approved that client and redirect (no open redirector, RFC 9700 §4.11.2)",
      "RFC 6749 §4.1.1"
    ],
    [
      "AZ14",
      "scope with illegal octets → redir `invalid_scope`; unknown but well-formed tokens dropped; none left → the default scopes, and the answer says what was granted",
      "RFC 6749 §3.3, A.4"
    ],
    ["AZ15", "unknown parameter, empty-valued parameter → ignored / as omitted", "RFC 6749 §3.1"],
    ["AZ16", "error redirects carry `iss`, exactly one", "RFC 9207 §2"],
    [
      "AZ17",
      "`resource` not ours, relative, or with fragment → redir `invalid_target`; omitted → canonical resource",
      "RFC 8707 §2"
    ],
    ["AZ18", "answer has no `Access-Control-Allow-Origin`", "RFC 9700 §2.6"],
    ["AZ19", "user denies → redir `access_denied`; no code row", "RFC 6749 §4.1.1"],
    [
      "AZ20",
      "`prompt=none` without session/consent → redir `login_required`/`consent_required` (if advertised); never a page, but for clients no person has approved yet (as AZ13)",
      "RFC 6749 §4.1.1"
    ],
    [
      "AZ21",
      "`request`/`request_uri` → redir `request_not_supported`/`request_uri_not_supported`; `request_uri` not fetched",
      "RFC 6749 §4.1.1"
    ],
    ["AZ22", "client lacks grant type → redir `unauthorized_client`", "RFC 6749 §4.1.1"],
    ["AZ23", "8 KiB URL fine; > 16 KiB headers → 431; `state` > 4 KiB → redir `invalid_request`", "RFC 6749 §4.1.1"]
  ),
  ...rows(
    "Token endpoint (code)",
    [
      "TK1",
      'valid → 200 `{access_token, token_type:"Bearer", expires_in, refresh_token?, scope}`; `no-store`, `no-cache`; `scope` present when narrower than asked',
      "RFC 6749 §5.1"
    ],
    [
      "TK2",
      "`grant_type` missing → 400 `invalid_request`; `password`, `client_credentials`, junk → 400 `unsupported_grant_type`",
      "RFC 6749 §5.2"
    ],
    [
      "TK3",
      "any parameter twice (also one in query, one in body) → 400 `invalid_request`, except `resource`, which RFC 8707 §2 lets repeat: all must be ours, else `invalid_target`; parameters in query only → 400",
      "RFC 6749 §3.2"
    ],
    [
      "TK4",
      "no verifier → 400 `invalid_request`; wrong → 400 `invalid_grant`; 42 or 129 chars or bad charset → 400; code stays usable by the right verifier",
      "RFC 7636 §4.1, 4.6"
    ],
    [
      "TK5",
      "GET → 405 `Allow: POST`; `application/json`, or `text/plain; x=application/x-www-form-urlencoded` → 400 `invalid_request`; `…urlencoded; charset=UTF-8` accepted",
      "RFC 6749 §3.2"
    ],
    [
      "TK6",
      "unknown client, or secret missing/wrong by body → 401 `invalid_client`, no challenge needed; by Basic → 401 + `WWW-Authenticate: Basic realm=…`; `basic` scheme case-insensitive; bad base64/no colon/bad %xx → 401, never 500",
      "RFC 6749 §5.2"
    ],
    [
      "TK7",
      "two auth methods at once → 400 `invalid_request`; method other than registered → 401 `invalid_client`; Basic id ≠ body id → 400",
      "RFC 6749 §2.3"
    ],
    ["TK8", "Basic with form-encoded `:` `+` `%` and non-ASCII secret → accepted", "RFC 6749 App. B"],
    [
      "TK9",
      "50 parallel exchanges of one code → exactly one 200, 49 × 400 `invalid_grant`; afterwards the issued pair is dead (replay)",
      "RFC 6749 §4.1.2"
    ],
    ["TK10", "replay 31 s later → 400 `invalid_grant` and access token → 401 on `/mcp`", "OIDF codereuse-30seconds"],
    [
      "TK11",
      "code of client A by client B → 400 `invalid_grant`; A can still redeem; nothing revoked",
      "RFC 6749 §4.1.3"
    ],
    ["TK12", "right code-id prefix, wrong secret part → 400; grant untouched", "RFC 9700 §4.5"],
    ["TK13", "`redirect_uri` differs from authorize → 400 `invalid_grant`, code not consumed", "RFC 6749 §4.1.3"],
    [
      "TK14",
      "`resource` outside the grant → 400 `invalid_target`, code not consumed; fragment or `javascript:` likewise",
      "RFC 6749 §4.1.3"
    ],
    ["TK15", "expired code (60 s default, never > 10 min) → 400 `invalid_grant`", "RFC 6749 §4.1.2"],
    [
      "TK16",
      "no `refresh_token` unless `offline_access` granted (or documented policy) and grant type registered",
      "RFC 6749 §4.1.3"
    ],
    ["TK17", "client deleted/disabled or user disabled between → 400 `invalid_grant`", "RFC 6749 §4.1.3"],
    [
      "TK18",
      "DB unreachable → 503 `temporarily_unavailable` + `Retry-After`; code still valid afterwards",
      "RFC 6749 §4.1.3"
    ],
    ["TK19", "errors carry CORS for allowed origins; `OPTIONS` → 204", "RFC 6749 §4.1.3"],
    ["TK20", "100 000 parameters, or 64 KiB + 1 body → 413/400 in < 100 ms", "RFC 6749 §4.1.3"]
  ),
  ...rows(
    "Refresh",
    ["RF1", "valid → 200, new pair; old access token may live to its TTL (documented)", "RFC 6749 §6"],
    [
      "RF2",
      "old token within grace G, same client → 200, **same** successor refresh token, `expires_in` recomputed; also after G (≤ U) while nobody has used the successor",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF3",
      "50 parallel with one token → 50 × 200 all with the same `refresh_token`, one head in the DB; strict rotation (G = U = 0) → one 200, 49 × 400, session `compromised`",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF4",
      "old token after G once the successor was used (access token on `/mcp` or refresh) → 400 `invalid_grant`; session row `compromised`; head refresh and **all** access tokens → refused; exactly one audit row",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF5",
      "other client presents it → 400 `invalid_grant`, no write; confidential client without secret → 401",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF6",
      "scope superset → 400 `invalid_scope`, no rotation; subset → 200 narrower access token, next refresh may use full grant",
      "RFC 6749 §6"
    ],
    [
      "RF7",
      "unknown / truncated / bit-flipped / other-environment token → 400 `invalid_grant`, no write, no DB hit when the tag is bad",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF8",
      "`resource` omitted → inherited; foreign → 400 `invalid_target`, no rotation",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF9",
      "token twice in form → 400; access token or code given as refresh token → 400 `invalid_grant`",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF10",
      "after `POST /revoke` → 400 `invalid_grant`, session stays `revoked` (not `compromised`)",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF11",
      "expiry edge, idle expiry, absolute family expiry → 400 `invalid_grant`, never 500; new tokens never outlive the family",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    ["RF12", 'user password change / "sign out everywhere" → 400 for all families', "RFC 9700 §4.14.2"],
    [
      "RF13",
      "token generation two or more behind, each link still in grace → 200 with current head",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF14",
      "more than N=100 replays of one generation in grace → 429 + `Retry-After`, family intact",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ],
    [
      "RF15",
      "genuine token newer than the stored head (restored backup) → 400 `invalid_grant`, session **not** compromised, alarm metric",
      "RFC 6749 §6, RFC 9700 §4.14.2"
    ]
  ),
  ...rows(
    "Revocation",
    [
      "RV1",
      "access token → 200 empty; `/mcp` → 401 at once; refresh token still works",
      "RFC 7009 §2.1 MAY cascade: we do not"
    ],
    ["RV2", "refresh token → 200; whole family dead incl. access tokens", "RFC 7009 §2.1"],
    ["RV3", "unknown, expired, already revoked, garbage → 200", "RFC 7009 §2.2"],
    [
      "RV4",
      "missing `token` → 400 `invalid_request`; wrong or unknown `token_type_hint` → still 200 and revoked",
      "RFC 7009 §2.1"
    ],
    [
      "RV5",
      "token of another client → public caller 200 and **no effect**; confidential caller 200 or 400 `invalid_request`, no effect",
      "RFC 7009 §2"
    ],
    ["RV6", "confidential without/with bad secret → 401 `invalid_client`, token lives", "RFC 7009 §2"],
    ["RV7", "GET → 405; `token` twice → 400; retired refresh token → revokes family, status `revoked`", "RFC 7009 §2"],
    ["RV8", "DB down → 503 + `Retry-After`, token state unknown to client; never 200", "RFC 7009 §2.2.1"]
  ),
  ...rows(
    "Registration (DCR)",
    [
      "RG1",
      "valid JSON → 201, `client_id`, `client_id_issued_at`, echoed effective metadata, `no-store`; `none` ⇒ no secret",
      "RFC 7591 §3.2.1"
    ],
    [
      "RG2",
      "defaults applied: `client_secret_basic`, `authorization_code`, `code`; secret ⇒ `client_secret_expires_at` (0 = never)",
      "RFC 7591 §2"
    ],
    ["RG3", "not JSON / `null` / array / form body → 400 `invalid_client_metadata`; GET → 405", "RFC 7591 §2, §3"],
    [
      "RG4",
      "bad `redirect_uris` (missing, empty, > 10, > 2 KiB, fragment, userinfo, `http` non-loopback, script schemes, control characters, wildcard) → 400 `invalid_redirect_uri`, no write",
      "RFC 7591 §2, §3"
    ],
    [
      "RG5",
      "non-https `jwks_uri` → 400 `invalid_client_metadata`; `client_uri`/`logo_uri`/`tos_uri`/`policy_uri` that are not https (also with `#lang`) are left out of what is kept and echoed (RFC 7591 §3.2.1), and never rendered",
      "RFC 7591 §2, §3"
    ],
    [
      "RG6",
      "unsupported grant/response/auth method, or inconsistent pair → 400 `invalid_client_metadata`",
      "RFC 7591 §2, §3"
    ],
    [
      "RG7",
      "caller-supplied `client_id`, `client_secret`, `created_at` ignored; names capped at 100 chars, bidi/zero-width/control stripped",
      "RFC 7591 §2, §3"
    ],
    [
      "RG8",
      "`Authorization: Bearer` (no value) → 401, never 500; with initial-access-token mode: absent → 401 challenge",
      "RFC 7591 §2, §3"
    ],
    ["RG9", "`__proto__`, `constructor`, depth 100 000, 1 MiB → 400/413; next request unaffected", "RFC 7591 §2, §3"],
    [
      "RG10",
      "flood: 11th per IP per hour → 429 + `Retry-After`; global cap; unused clients purged after 24 h",
      "RFC 7591 §2, §3"
    ],
    [
      "RG11",
      "registered client without user consent can do nothing: fresh client id + old consent of another client → consent page again",
      "RFC 7591 §2, §3"
    ]
  ),
  ...rows(
    "Client ID metadata documents (CIMD)",
    [
      "CM1",
      "ChatGPT's frozen document → accepted, negotiated `none` (or `private_key_jwt` if advertised)",
      "OAuth Client ID Metadata Document"
    ],
    ["CM2", "`client_id` in document ≠ URL (also by `:443`, case, slash) → 400 page", "MCP MUST"],
    [
      "CM3",
      "`http:`, userinfo, fragment, dot segments (also `%2e`), backslash, control characters → treated as unknown client, **no fetch**",
      "OAuth Client ID Metadata Document"
    ],
    [
      "CM4",
      "host resolves to loopback, RFC 1918, 169.254/16, 100.64/10, 0/8, 192.0.0/24, 198.18/15, 240/4, ::1, ::, fc00::/7, fe80::/10, v4-mapped, 64:ff9b::/96, 64:ff9b:1::/48, 2002::/16, 2001::/23, 100::/64, 3fff::/20, 5f00::/16 → refused",
      "OAuth Client ID Metadata Document"
    ],
    [
      "CM5",
      "DNS answers public first, private on 2nd look-up (rebinding) → connection pinned to the vetted address",
      "OAuth Client ID Metadata Document"
    ],
    [
      "CM6",
      "3xx → refused; > 5 KiB by header or by stream, > 5 s incl. body, non-200, non-JSON, gzip bomb → refused",
      "OAuth Client ID Metadata Document"
    ],
    [
      "CM7",
      "all failures look alike to the caller (same status, body, timing class)",
      "OAuth Client ID Metadata Document"
    ],
    [
      "CM8",
      "`client_secret*`, symmetric auth methods, private JWK members → refused",
      "OAuth Client ID Metadata Document"
    ],
    [
      "CM9",
      "cache by HTTP freshness, capped at 24 h; negative ≤ 30 s; concurrent look-ups coalesce; per-origin and global fetch budgets; revoking one user's grant leaves others",
      "OAuth Client ID Metadata Document"
    ],
    [
      "CM10",
      "consent page shows the **redirect host** and the client_id host, warns on loopback-only; document changed redirect since last consent → consent again",
      "MCP MUST"
    ],
    [
      "CM11",
      "`private_key_jwt`: wrong `aud`/`iss`/`sub`, `exp` past, no `jti`, reused `jti`, `alg:none`/HS256 → 401 `invalid_client`",
      "RFC 7523 §3"
    ]
  ),
  ...rows(
    "Bearer on /mcp",
    [
      "BR1",
      'no credentials → 401 `WWW-Authenticate: Bearer resource_metadata="<BASE_URL>/.well-known/oauth-protected-resource/mcp", scope="mcp.tools.call"`, **no** `error`',
      "RFC 6750 §3.1; RFC 9728 §5.1"
    ],
    ["BR2", 'unknown/expired/revoked token → 401 with `error="invalid_token"` + same attributes', "RFC 6750 §2, §3"],
    [
      "BR3",
      "`Bearer`, `Bearer a b`, empty, 10 KiB, non-ASCII, CR/LF attempts → 401/400, no 5xx; attribute values escaped",
      "RFC 6750 §2, §3"
    ],
    ["BR4", "scheme case-insensitive `bearer` → accepted; `Basic …` → as BR1", "RFC 9110 §11.1"],
    ["BR5", "two `Authorization` headers → 400/401, never the first one silently", "RFC 6750 §2, §3"],
    ["BR6", "`?access_token=` or form token → as BR1; not logged", "OAuth 2.1 §5.1"],
    ["BR7", "token for another `resource` → 401 `invalid_token`; `https://h/mcp-other` ≠ `/mcp`", "RFC 6750 §2, §3"],
    [
      "BR8",
      'scope missing → 403 `error="insufficient_scope", scope="…all needed…", resource_metadata=…`',
      "RFC 6750 §3.1; MCP"
    ],
    ["BR9", "refresh token or code used as bearer → 401", "RFC 6750 §2, §3"],
    ["BR10", "DB down → 503, not 401", "RFC 6750 §2, §3"],
    ["BR11", "token of a compromised session → 401 on every instance within the stated lag", "RFC 6750 §2, §3"]
  ),
  ...rows(
    "/mcp transport (2026-07-28, older in brackets)",
    ["MC1", "`Host` not listed / missing → 403", "MCP, Streamable HTTP"],
    ["MC2", "`Origin` listed → ok, absent → ok", "MCP, Streamable HTTP"],
    ["MC3", "`Origin: null`, look-alike suffix, garbage → 403", "MCP MUST"],
    ["MC4", "same on `/token`, `/register`", "MCP, Streamable HTTP"],
    ["MC5", "unauthenticated GET/DELETE/PUT → 401 as BR1; authenticated → 405 `Allow: POST`", "MCP, Streamable HTTP"],
    [
      "MC6",
      "`Content-Type` not JSON → 415; `Accept` is read as RFC 9110 §12.5.1 has it (ranges, case, q), and what can be answered is answered; 406 only where neither type is accepted; JSON broken → 400 `-32700`",
      "MCP, Streamable HTTP"
    ],
    [
      "MC7",
      "`MCP-Protocol-Version` ≠ `_meta` or missing when modern → 400 `-32020`; unknown version → 400 `-32022` with supported list; missing `_meta` field → 400 `-32602`; unknown method → 404 `-32601`; notification → 202 empty",
      "MCP, Streamable HTTP"
    ],
    [
      "MC8",
      "`Mcp-Method`/`Mcp-Name` missing or different from body (also base64 form) → 400 `-32020`; header names case-insensitive",
      "MCP, Streamable HTTP"
    ],
    ["MC9", "body > 1 MiB → 413 before parsing; unauthenticated bodies are not parsed at all", "MCP, Streamable HTTP"],
    [
      "MC10",
      "JSON nested 100 000 deep, 10 MB string, duplicate keys, lone surrogates → 4xx, alive, < 200 ms",
      "MCP, Streamable HTTP"
    ],
    [
      "MC11",
      "client drops mid-call → work interrupted; no later write; fiber/connection counts return to baseline",
      "MCP, Streamable HTTP"
    ],
    [
      "MC12",
      "200 concurrent users with equal JSON-RPC ids → no cross-talk (property test, 10 000 calls)",
      "MCP, Streamable HTTP"
    ],
    ["MC13", "ReDoS probes on every string argument", "MCP, Streamable HTTP"],
    ["MC14", "foreign handles → `-32602`", "MCP, Streamable HTTP"],
    [
      "MC15",
      "calculator: `constructor.constructor('…')()`, `__proto__`, `process`, template strings, `1e999`, `9**9**9**9`, `(`×10⁵, 1 MB → `isError` or `-32602`, < 50 ms",
      "MCP, Streamable HTTP"
    ],
    [
      "MC16",
      "weather/search with `../`, `@evil`, `\\r\\n`, `http://169.254.169.254`, IPv6 literals → upstream host never changes (local stub records)",
      "MCP, Streamable HTTP"
    ]
  ),
  ...rows(
    "Pages",
    ["UI1", "decision POST without the browser session that began it → 403, no code", "RFC 9700 §4.16, OWASP ASVS 6"],
    ["UI2", "no/other CSRF token → 403", "RFC 9700 §4.16, OWASP ASVS 6"],
    ["UI3", "token of another transaction → 403", "RFC 9700 §4.16, OWASP ASVS 6"],
    ["UI4", "`Sec-Fetch-Site: cross-site` or foreign `Origin` → 403", "RFC 9700 §4.16, OWASP ASVS 6"],
    [
      "UI5",
      'client name `<img onerror>`, bidi marks, 10 KB, look-alike "ChatGPT" → escaped, truncated, host shown',
      "RFC 9700 §4.16, OWASP ASVS 6"
    ],
    [
      "UI6",
      "headers: CSP (`default-src 'none'; frame-ancestors 'none'; base-uri 'none'`), `X-Frame-Options: DENY`, `Referrer-Policy: no-referrer`, `nosniff`, `no-store`; cookie `__Host-…; Secure; HttpOnly; SameSite=Lax; Path=/`",
      "RFC 9700 §4.16, OWASP ASVS 6"
    ],
    ["UI7", "after login/consent POST status is 303", "RFC 9700 §4.16, OWASP ASVS 6"],
    ["UI8", "session id changes at login", "RFC 9700 §4.16, OWASP ASVS 6"],
    ["UI9", "whole flow in headless Chromium with CSP on", "RFC 9700 §4.16, OWASP ASVS 6"],
    [
      "UI10",
      "unknown vs known e-mail timing and text equal; 10 failures → back-off per account + IP, not lock-out",
      "RFC 9700 §4.16, OWASP ASVS 6"
    ],
    ["UI11", "password change ends sessions and families", "RFC 9700 §4.16, OWASP ASVS 6"],
    [
      "UI12",
      "the same decision POSTed again by the same browser → the same redirect while its code is unredeemed and unexpired, one code in all; another decision, or after redemption → a page, no code",
      "RFC 9700 §4.16, OWASP ASVS 6"
    ]
  ),
  ...rows(
    "Operations",
    ["OP1", "`/healthz` 200 without DB details; `/readyz` 503 when DB is out", "–"],
    [
      "OP2",
      "cleanup: nothing live removed; batches ≤ 1 000 rows, `SKIP LOCKED`, two runners at once safe; a retired token of a live family is still recognised after cleanup",
      "–"
    ],
    ["OP3", "a token that was replaced stays replaced across a restart (CVE-2026-9802)", "–"],
    ["OP4", "after SIGKILL at any moment what was answered is true, and the server goes on", "–"],
    ["OP5", "no raw token, code, verifier, secret, password or cookie in a log, an error or the database", "–"],
    [
      "OP6",
      "rotating `X-Forwarded-For` does not lift limits without a trusted proxy; 429 has `Retry-After`; limiter survives restart or documents it",
      "–"
    ],
    ["OP7", "slow headers, bodies and readers, and messages that hide another, stop nobody else", "–"],
    ["OP8", "SIGTERM: whatever was asked is answered, within ten seconds", "–"],
    [
      "OP9",
      "default bind 127.0.0.1 in dev; `NODE_ENV=production` + http BASE_URL, weak secret, `*` allow-list or auto-approve → refuse to start",
      "–"
    ],
    ["OP10", "no parameter changes a statement", "–"],
    ["OP11", "clock moved ± 1 h by faketime: lifetimes follow the **database** clock", "–"]
  )
]
