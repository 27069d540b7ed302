/** What each route takes, and what is good there: names of values that a `World` has for each of its parties. */

/** What is genuine for somebody: their browser, their client's tokens, what they were shown. */
export interface Party {
  /** All cookies of their browser. */
  readonly cookie: string
  readonly csrf_token: string
  /** Of a consent form that is open in their browser. */
  readonly transaction: string
  readonly form_token: string
  readonly person: string
  readonly email: string
  readonly client_id: string
  readonly client_secret: string
  readonly redirect_uri: string
  readonly code: string
  readonly code_verifier: string
  readonly access_token: string
  readonly refresh_token: string
  readonly id_token: string
  /** Of a client that has registered itself. */
  readonly registered: string
  readonly registration_token: string
  /** Of a link that was sent to them. */
  readonly link: string
  readonly session: string
}
export type Kind = keyof Party

/** A value of one of the kinds, or one of a few texts. */
export type Good = { readonly kind: Kind } | ReadonlyArray<string>

const of = (kind: Kind): Good => ({ kind })

/** By the name of a parameter. */
export const GOOD: Readonly<Record<string, Good>> = {
  access_token: of("access_token"),
  after: ["1"],
  again: ["1"],
  audience: ["http://localhost/mcp"],
  auth: ["none", "oauth"],
  before: ["1", "100", "2"],
  client: of("client_id"),
  client_assertion: of("id_token"),
  client_assertion_type: ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
  client_id: of("client_id"),
  client_name: ["An app"],
  client_secret: of("client_secret"),
  code: of("code"),
  code_challenge: ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
  code_challenge_method: ["S256", "plain"],
  code_verifier: of("code_verifier"),
  confidential: ["on"],
  csrf_token: of("csrf_token"),
  current: ["a wrong password"],
  decision: ["approve", "deny"],
  digest: ["0".repeat(64)],
  email: of("email"),
  error: ["access_denied"],
  event: ["signed_in", "client_changed"],
  form_token: of("form_token"),
  grant_type: ["authorization_code", "refresh_token", "client_credentials", "password"],
  id: of("person"),
  id_token_hint: of("id_token"),
  iss: ["http://127.0.0.1:9"],
  issuer: ["http://127.0.0.1:9"],
  kind: ["tool", "prompt", "public", "confidential"],
  link: of("link"),
  login_hint: of("email"),
  max_age: ["0", "3600"],
  name: ["A name", "corp", "calculator"],
  nonce: ["n-0S6_WzA2Mj"],
  password: ["correct horse battery staple"],
  person: of("person"),
  post_logout_redirect_uri: of("redirect_uri"),
  prompt: ["none", "login", "consent", "login consent"],
  provider: ["corp"],
  redirect_uri: of("redirect_uri"),
  redirect_uris: of("redirect_uri"),
  refresh_token: of("refresh_token"),
  request: ["e30.e30."],
  request_uri: ["https://a.example/request"],
  resource: ["http://localhost/mcp"],
  response_mode: ["query", "form_post", "fragment"],
  response_type: ["code", "token", "code id_token"],
  return_to: ["/account", "/account/apps?client=a", "/authorize?client_id=demo"],
  role: ["member", "owner"],
  scope: ["mcp.tools.call offline_access", "openid mcp.tools.call", "mcp.web.read"],
  "scope:mcp.tools.call": ["on"],
  server: ["stub", "none"],
  session: of("session"),
  state: ["a state"],
  subject: ["248289761001"],
  title: ["A title"],
  token: of("access_token"),
  token_type_hint: ["access_token", "refresh_token"],
  transaction: of("transaction"),
  url: ["https://mcp.a.example/mcp"],
  what: ["approve", "off", "on", "keep"]
}

/** A body, or a query, by the names that it holds; those with a question mark are there now and then. */
type Names = string

export interface Shape {
  readonly query?: Names
  readonly form?: Names
  /** Members of a JSON object; what they hold is made by kind. */
  readonly json?: Names | "message" | "registration" | "credential"
  readonly methods?: ReadonlyArray<string>
  /** What the Authorization header holds. */
  readonly authorization?: "access_token" | "registration_token" | "basic"
}

const AUTHORIZATION_REQUEST =
  "response_type client_id redirect_uri code_challenge code_challenge_method state scope resource? prompt? nonce? max_age? login_hint? id_token_hint? response_mode? request? request_uri?"
const CLIENT = "client_id client_secret? client_assertion? client_assertion_type?"
const GET_AND_POST = ["GET", "POST"]

/** By the route as it is registered. A route that is not here is sent what any form holds. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  "/authorize": { query: AUTHORIZATION_REQUEST, form: AUTHORIZATION_REQUEST, methods: GET_AND_POST },
  "/authorize/decision": { form: "transaction csrf_token:form_token decision scope:mcp.tools.call?" },
  "/token": {
    form: `grant_type code? code_verifier? redirect_uri? refresh_token? scope? resource? ${CLIENT}`,
    authorization: "basic"
  },
  "/revoke": { form: `token:refresh_token token_type_hint? ${CLIENT}`, authorization: "basic" },
  "/introspect": { form: `token token_type_hint? ${CLIENT}`, authorization: "basic" },
  "/register": { json: "registration", authorization: "registration_token" },
  "/register/:clientId": {
    json: "registration",
    authorization: "registration_token",
    methods: ["GET", "PUT", "DELETE"]
  },
  "/mcp": { json: "message", authorization: "access_token" },
  "/mcp/": { json: "message", authorization: "access_token" },
  "/userinfo": { authorization: "access_token", form: "access_token", methods: GET_AND_POST },
  "/": { query: "a?", json: "message", methods: GET_AND_POST },
  "/login": { query: "return_to? email? again?", form: "email password return_to?", methods: GET_AND_POST },
  "/login/passkey": { json: "credential" },
  "/login/passkey/options": { json: "return_to?" },
  "/login/:name": { query: "return_to? again?", methods: ["GET"] },
  "/login/:name/callback": { query: "code state iss? error?", methods: ["GET"] },
  "/logout": {
    query: "id_token_hint? post_logout_redirect_uri? client_id? state?",
    form: "csrf_token? id_token_hint? post_logout_redirect_uri? client_id? state?",
    methods: GET_AND_POST
  },
  "/account/name": { form: "csrf_token name" },
  "/account/browsers": { form: "csrf_token id:session" },
  "/account/everywhere": { form: "csrf_token" },
  "/account/data/export": { form: "csrf_token" },
  "/account/data/delete": { form: "csrf_token" },
  "/account/codes": { form: "csrf_token return_to?", methods: GET_AND_POST },
  "/account/password": { form: "csrf_token current? password", methods: GET_AND_POST },
  "/account/passkeys": { json: "credential" },
  "/account/passkeys/options": { json: "csrf_token" },
  "/account/passkeys/rename": { form: "csrf_token id name" },
  "/account/passkeys/remove": { form: "csrf_token id" },
  "/account/identities/unlink": { form: "csrf_token issuer subject" },
  "/account/identities/:name/link": { form: "csrf_token" },
  "/account/apps": { query: "client? before?", methods: ["GET"] },
  "/account/apps/disconnect": { form: "csrf_token client_id? session?" },
  "/account/servers/:name/callback": { query: "code state iss?", methods: ["GET"] },
  "/account/servers/connect": { form: "csrf_token server" },
  "/account/servers/disconnect": { form: "csrf_token server" },
  "/admin/apps": { query: "client? person? before?", methods: ["GET"] },
  "/admin/apps/disconnect": { form: "csrf_token session client_id?" },
  "/admin/events": { query: "event? person? before?", methods: ["GET"] },
  "/admin/people/invite": { form: "csrf_token email role" },
  "/admin/people/withdraw": { form: "csrf_token email" },
  "/admin/people/reset": { form: "csrf_token id" },
  "/admin/people/role": { form: "csrf_token id role" },
  "/admin/people/disable": { form: "csrf_token id" },
  "/admin/people/enable": { form: "csrf_token id" },
  "/admin/people/data": { query: "id?", methods: ["GET"] },
  "/admin/people/data/export": { form: "csrf_token id" },
  "/admin/people/data/delete": { form: "csrf_token id" },
  "/admin/clients/add": { form: "csrf_token client_id client_name redirect_uris kind?" },
  "/admin/clients/secret": { form: "csrf_token client_id" },
  "/admin/clients/disable": { form: "csrf_token client_id" },
  "/admin/clients/enable": { form: "csrf_token client_id" },
  "/admin/servers/add": { form: "csrf_token name title? url auth" },
  "/admin/servers/decide": { form: "csrf_token server kind name what digest?" },
  "/admin/servers/approve": { form: "csrf_token server digest" },
  ...Object.fromEntries(
    ["on", "off", "restart", "ask", "remove"].map((what) => [`/admin/servers/${what}`, { form: "csrf_token server" }])
  ),
  "/admin/server/keys": { form: "csrf_token" },
  ...Object.fromEntries(
    ["setup", "invitation", "reset"].flatMap((kind) => [
      [`/${kind}`, { form: "code:link name? email? return_to?", methods: GET_AND_POST }],
      [`/${kind}/password`, { form: "code:link name? email? password" }],
      [`/${kind}/provider`, { form: "code:link name? email? provider" }],
      [`/${kind}/passkey`, { json: "credential" }],
      [`/${kind}/passkey/options`, { json: "code:link name? email?" }]
    ])
  ),
  "/signup": { query: "return_to?", form: "name email return_to?", methods: GET_AND_POST },
  "/signup/password": { form: "name email password return_to?" },
  "/recover": { form: "email? code:link", methods: GET_AND_POST }
}

const UNKNOWN: Shape = {
  query: "id? name? return_to?",
  form: "csrf_token id? name? email? server?",
  methods: GET_AND_POST
}

export const shapeOf = (route: string): Shape => SHAPES[route] ?? UNKNOWN
