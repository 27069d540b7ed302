-- The whole schema of Gatehouse, for Supabase's SQL editor. Written by `npm run db:schema` from supabase/migrations,
-- which is where changes belong. It records what it applied, so `npm run db:init` finds nothing left to do.

begin;

-- Gatehouse keeps everything in its own schema. Never `public`: Supabase publishes that one over its Data API.
create schema if not exists mcp;
comment on schema mcp is 'Gatehouse: OAuth 2.1 authorization server and MCP sessions. Only the server''s own role may read it.';
revoke all on schema mcp from public;

-- Raw tokens, codes and generated secrets are never stored: a bytea named *_hash is the SHA-256 of a 256-bit random
-- value, so there is nothing to guess and no slow hash is needed. Every expiry follows this database's clock.

create table mcp.server_keys (
  id smallint primary key check (id between 0 and 255),
  secret bytea not null check (octet_length(secret) = 32),
  created_at timestamptz not null default clock_timestamp()
);
comment on table mcp.server_keys is
  'Keys that authenticate tokens and consent forms. The newest one signs, every one verifies. A row may be deleted once the last session that began under it has ended.';

create table mcp.oauth_clients (
  client_id text primary key,
  client_name text not null,
  redirect_uris text[] not null check (cardinality(redirect_uris) > 0),
  grant_types text[] not null default '{authorization_code,refresh_token}',
  token_endpoint_auth_methods text[] not null check (cardinality(token_endpoint_auth_methods) > 0),
  secret_hash bytea,
  secret_salt bytea,
  secret_kdf text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  disabled_at timestamptz,
  check ((secret_hash is null) = (token_endpoint_auth_methods = '{none}')),
  check ((secret_salt is null) = (secret_kdf is null))
);
comment on table mcp.oauth_clients is
  'Registered clients (RFC 7591 names). secret_kdf is null for a generated secret (SHA-256) and names the slow hash and its cost for a secret that a person chose.';

create table mcp.oauth_decisions (
  id uuid primary key,
  expires_at timestamptz not null
);
comment on table mcp.oauth_decisions is
  'One row per answered consent form, so that a form is answered once. Cleanup deletes it when the form itself has expired.';
create index on mcp.oauth_decisions (expires_at);

create table mcp.oauth_authorization_codes (
  code_hash bytea primary key,
  session_id uuid not null unique,
  client_id text not null references mcp.oauth_clients on delete cascade,
  subject text not null,
  scopes text[] not null,
  resource text not null,
  redirect_uri text not null,
  code_challenge text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
comment on table mcp.oauth_authorization_codes is
  'Codes not yet redeemed. Redemption moves the row''s facts into mcp_sessions and deletes it; cleanup deletes the expired.';
create index on mcp.oauth_authorization_codes (client_id);
create index on mcp.oauth_authorization_codes (expires_at);

create table mcp.mcp_sessions (
  id uuid primary key,
  client_id text not null references mcp.oauth_clients on delete cascade,
  subject text not null,
  scopes text[] not null,
  resource text not null,
  code_hash bytea not null,
  redirect_uri text not null,
  code_challenge text not null,
  status text not null default 'active' check (status in ('active', 'revoked', 'compromised')),
  status_reason text,
  status_changed_at timestamptz,
  head_generation integer not null default 0,
  confirmed_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  check ((status = 'active') = (status_changed_at is null))
);
comment on table mcp.mcp_sessions is
  'One grant of one person to one client, and its chain of refresh tokens. A token is good only while its session is active. Cleanup deletes a session that has no token left.';
comment on column mcp.mcp_sessions.code_hash is
  'The code that began the session, with its redirect_uri and code_challenge: enough to judge a second redemption.';
comment on column mcp.mcp_sessions.head_generation is 'Generation of the one refresh token that may rotate.';
comment on column mcp.mcp_sessions.confirmed_at is
  'When a token of the head generation was first used: from then on its predecessor is known to have been replaced.';
create index on mcp.mcp_sessions (client_id);

create table mcp.oauth_access_tokens (
  token_hash bytea primary key,
  session_id uuid not null references mcp.mcp_sessions on delete cascade,
  generation integer not null,
  scopes text[] not null,
  resource text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
comment on table mcp.oauth_access_tokens is 'Cleanup deletes a row one day after it expired or was revoked.';
create index on mcp.oauth_access_tokens (session_id);
create index on mcp.oauth_access_tokens (expires_at);
create index on mcp.oauth_access_tokens (revoked_at) where revoked_at is not null;

create table mcp.oauth_refresh_tokens (
  token_hash bytea primary key,
  session_id uuid not null references mcp.mcp_sessions on delete cascade,
  generation integer not null,
  parent_hash bytea,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  rotated_at timestamptz,
  revoked_at timestamptz,
  sealed_successor bytea,
  replays integer not null default 0,
  unique (session_id, generation)
);
comment on table mcp.oauth_refresh_tokens is
  'The chain of a session: generation n is the child of n-1. A rotated token keeps rotated_at and revoked_at. Cleanup deletes a row seven days after it expired or was revoked; a retired token is still recognised after that, by the session and generation that its MAC protects.';
comment on column mcp.oauth_refresh_tokens.sealed_successor is
  'What the rotation answered, encrypted under a key that only the presented token yields; null when the grace is 0 or over.';
create index on mcp.oauth_refresh_tokens (expires_at);
create index on mcp.oauth_refresh_tokens (revoked_at) where revoked_at is not null;

create table mcp.audit_events (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  event text not null,
  session_id uuid,
  client_id text,
  detail jsonb not null default '{}'
);
comment on table mcp.audit_events is
  'What an operator must be able to look up later: sessions compromised or revoked, and by what. Holds no token. Never deleted by Gatehouse.';
create index on mcp.audit_events (session_id);

alter table mcp.server_keys enable row level security;
alter table mcp.oauth_clients enable row level security;
alter table mcp.oauth_decisions enable row level security;
alter table mcp.oauth_authorization_codes enable row level security;
alter table mcp.mcp_sessions enable row level security;
alter table mcp.oauth_access_tokens enable row level security;
alter table mcp.oauth_refresh_tokens enable row level security;
alter table mcp.audit_events enable row level security;

-- Supabase's API roles, where they exist: nothing, now or by default.
do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on schema mcp from %I', api_role);
    execute format('revoke all on all tables in schema mcp from %I', api_role);
    execute format('alter default privileges in schema mcp revoke all on tables from %I', api_role);
  end loop;
end $$;
-- Clients that make themselves known: by dynamic registration (RFC 7591, RFC 7592), or by a metadata document whose URL
-- is their client_id.

alter table mcp.oauth_clients
  add column origin text not null default 'configured' check (origin in ('configured', 'dynamic', 'document')),
  add column jwks jsonb,
  add column jwks_uri text,
  add column metadata jsonb not null default '{}',
  add column registration_token_hash bytea,
  add column last_used_at timestamptz,
  drop constraint oauth_clients_check,
  add constraint oauth_clients_secret_check check (
    (secret_hash is not null) = (token_endpoint_auth_methods && '{client_secret_basic,client_secret_post}')
  ),
  add constraint oauth_clients_jwks_check check (jwks is null or jwks_uri is null);
comment on column mcp.oauth_clients.origin is
  'configured: by the operator; dynamic: by RFC 7591; document: a copy, as of the last consent, of the document at client_id.';
comment on column mcp.oauth_clients.metadata is 'What a dynamic registration answered, for the client to read again (RFC 7592).';
comment on column mcp.oauth_clients.last_used_at is
  'When the last session of the client was cleaned up. A dynamic client is reaped a day after its registration if it never had a session, and 90 days after the last one.';
create index on mcp.oauth_clients (created_at) where origin = 'dynamic';

create table mcp.oauth_deleted_clients (
  client_id text primary key,
  reason text not null,
  deleted_at timestamptz not null default clock_timestamp()
);
comment on table mcp.oauth_deleted_clients is
  'Clients that were reaped or deleted themselves, so that a person who meets one is told what to do. Cleanup forgets them after a year.';
create index on mcp.oauth_deleted_clients (deleted_at);

create table mcp.oauth_client_assertions (
  client_id text not null,
  jti_hash bytea not null,
  expires_at timestamptz not null,
  primary key (client_id, jti_hash)
);
comment on table mcp.oauth_client_assertions is
  'Client assertions that were used (RFC 7523 section 3): each is good once. Cleanup deletes a row when the assertion has expired.';
create index on mcp.oauth_client_assertions (expires_at);

alter table mcp.oauth_deleted_clients enable row level security;
alter table mcp.oauth_client_assertions enable row level security;

-- Supabase grants new tables to its API roles by default, and only a revocation on the tables themselves undoes that.
do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- Instances keep good access tokens in memory for some seconds. Whatever ends one early tells them, so that the next
-- request is refused everywhere: a revocation, a compromise, an operator's own update. Issuing and rotating tell nobody.

create function mcp.announce_session() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse_revoked', new.id::text);
  return null;
end $$;

create function mcp.announce_token() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse_revoked', new.session_id::text);
  return null;
end $$;

create function mcp.announce_client() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse_revoked', '*');
  return null;
end $$;

create trigger announce_status after update of status on mcp.mcp_sessions
  for each row when (old.status = 'active' and new.status <> 'active') execute function mcp.announce_session();
create trigger announce_end after update of expires_at on mcp.mcp_sessions
  for each row when (old.expires_at > new.expires_at) execute function mcp.announce_session();
create trigger announce_token after update of revoked_at, expires_at, scopes, resource on mcp.oauth_access_tokens
  for each row execute function mcp.announce_token();
create trigger announce_disabled after update of disabled_at on mcp.oauth_clients
  for each row when (new.disabled_at is not null) execute function mcp.announce_client();
create trigger announce_deleted after delete on mcp.oauth_clients
  for each statement execute function mcp.announce_client();
-- What keeps the cost of an operation the same however many rows there are.

-- Every refresh updates its session, in no indexed column: with room on the page, the new version needs no index entry.
alter table mcp.mcp_sessions set (fillfactor = 80);
create index on mcp.mcp_sessions (expires_at);

-- A rotation clears seals whose grace is over; without this it would walk the whole chain.
create index on mcp.oauth_refresh_tokens (session_id) where sealed_successor is not null;

-- Instances keep clients in memory too, for the token endpoint, so whatever the row says of a client is announced.
drop trigger announce_disabled on mcp.oauth_clients;
create trigger announce_changed after update on mcp.oauth_clients for each row
  when ((old.client_name, old.origin, old.redirect_uris, old.grant_types, old.token_endpoint_auth_methods,
         old.secret_hash, old.secret_salt, old.secret_kdf, old.jwks, old.jwks_uri, old.disabled_at)
        is distinct from
        (new.client_name, new.origin, new.redirect_uris, new.grant_types, new.token_endpoint_auth_methods,
         new.secret_hash, new.secret_salt, new.secret_kdf, new.jwks, new.jwks_uri, new.disabled_at))
  execute function mcp.announce_client();
-- When each session was last used, for operators and for the people whose sessions they are.
alter table mcp.mcp_sessions add column last_used_at timestamptz;
comment on column mcp.mcp_sessions.last_used_at is
  'When an access token of the session was last used, give or take a minute: instances write it once a minute for all of them.';
-- What was answered to a consent form, so that the same answer given again (a double click) leads to the same place.
alter table mcp.oauth_decisions
  add column approved boolean,
  add column sealed_code bytea;
comment on column mcp.oauth_decisions.approved is
  'Whether the form was allowed or denied; null for a form that was answered before this column was there.';
comment on column mcp.oauth_decisions.sealed_code is
  'The code that an allowed form was answered with, encrypted under a key that only the posted form yields.';

-- A session is not gone on with by less than what it began with.
alter table mcp.mcp_sessions add column auth_method text;
comment on column mcp.mcp_sessions.auth_method is
  'How the client authenticated when the session began (RFC 7591 section 2); null for a session older than this column.';

-- Whether a person let this client in before, with this redirect URI: asked for whatever a stranger makes up.
create index on mcp.mcp_sessions (client_id, redirect_uri);
drop index mcp.mcp_sessions_client_id_idx;
-- People: who may sign in, how they do, in which browsers, and what they allowed.

create table mcp.people (
  id uuid primary key default gen_random_uuid(),
  email text not null check (email <> ''),
  name text not null check (name <> ''),
  role text not null check (role in ('owner', 'member')),
  email_verified_by text,
  password text,
  webauthn_id bytea not null unique check (octet_length(webauthn_id) = 32),
  created_at timestamptz not null default clock_timestamp(),
  disabled_at timestamptz
);
comment on table mcp.people is
  'Whoever may sign in. The id is the OAuth and OpenID Connect sub, and is never given to anybody else: rows are disabled, not deleted.';
comment on column mcp.people.email_verified_by is
  'Who vouched that the address is this person''s: ''owner'', or the issuer of an upstream provider that verifies; null for nobody.';
comment on column mcp.people.password is 'A PHC string (argon2id); null for a person who signs in otherwise.';
comment on column mcp.people.webauthn_id is 'The user handle that passkeys keep: random, so that it tells nothing of the person.';
create unique index people_email_key on mcp.people (lower(email));

create table mcp.passkeys (
  credential_id text primary key,
  person_id uuid not null references mcp.people on delete cascade,
  rp_id text not null,
  public_key bytea not null,
  counter bigint not null,
  transports text[] not null default '{}',
  is_synced boolean not null,
  name text not null,
  created_at timestamptz not null default clock_timestamp(),
  last_used_at timestamptz
);
comment on table mcp.passkeys is 'WebAuthn credentials; credential_id is base64url. One works only where BASE_URL''s host is its rp_id.';
create index on mcp.passkeys (person_id);

create table mcp.identities (
  issuer text not null,
  subject text not null,
  person_id uuid not null references mcp.people on delete cascade,
  email text,
  created_at timestamptz not null default clock_timestamp(),
  last_used_at timestamptz,
  primary key (issuer, subject)
);
comment on table mcp.identities is 'Who a person is at an upstream OpenID provider: issuer and subject, never an e-mail address.';
create index on mcp.identities (person_id);

create table mcp.browser_sessions (
  id uuid primary key default gen_random_uuid(),
  token_hash bytea not null unique,
  person_id uuid not null references mcp.people on delete cascade,
  method text not null check (method in ('password', 'passkey', 'upstream', 'link', 'recovery')),
  user_agent text not null,
  address text not null,
  created_at timestamptz not null default clock_timestamp(),
  authenticated_at timestamptz not null default clock_timestamp(),
  last_used_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
comment on table mcp.browser_sessions is
  'Where a person is signed in. token_hash is the SHA-256 of the cookie''s 256 random bits. expires_at is the absolute end; the idle one is judged by last_used_at.';
create index on mcp.browser_sessions (person_id);
create index on mcp.browser_sessions (expires_at);

create table mcp.links (
  token_hash bytea primary key,
  kind text not null check (kind in ('setup', 'invitation', 'reset')),
  person_id uuid references mcp.people on delete cascade,
  email text,
  role text check (role in ('owner', 'member')),
  created_by uuid references mcp.people,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  check ((kind = 'reset') = (person_id is not null)),
  check ((kind = 'invitation') = (email is not null and role is not null))
);
comment on table mcp.links is
  'Links that open one thing once: the set-up of the first owner, an invitation, a new way to sign in. Used ones are deleted.';
create unique index links_setup_key on mcp.links (kind) where kind = 'setup';
create unique index links_invitation_key on mcp.links (lower(email)) where kind = 'invitation';
create index on mcp.links (person_id);
create index on mcp.links (expires_at);

create table mcp.recovery_codes (
  code_hash bytea primary key,
  person_id uuid not null references mcp.people on delete cascade
);
comment on table mcp.recovery_codes is
  'SHA-256 of 128 random bits each (ASVS 6.5.2: enough for a plain hash). Used ones are deleted.';
create index on mcp.recovery_codes (person_id);

create table mcp.ceremonies (
  id_hash bytea primary key,
  kind text not null,
  detail jsonb not null,
  expires_at timestamptz not null
);
comment on table mcp.ceremonies is
  'What a sign-in waits for in the browser that began it: a WebAuthn challenge, the state of an upstream provider. Read and deleted at once.';
create index on mcp.ceremonies (expires_at);

create table mcp.consents (
  person_id uuid not null references mcp.people on delete cascade,
  client_id text not null references mcp.oauth_clients on delete cascade,
  redirect_host text not null,
  scopes text[] not null,
  asked text[] not null,
  granted_at timestamptz not null default clock_timestamp(),
  primary key (person_id, client_id, redirect_host)
);
comment on table mcp.consents is
  'What a person allowed a client at a redirect host, and of what it had asked for: not asked again while both stay the same.';
create index on mcp.consents (client_id);

create table mcp.maintenance (
  task text primary key,
  at timestamptz not null default clock_timestamp(),
  detail jsonb not null
);
comment on table mcp.maintenance is 'When each task of maintenance last ran, and what it did.';

-- Who did something, and to whom.
alter table mcp.audit_events
  add column person_id uuid,
  add column actor_id uuid,
  add column address text;
comment on column mcp.audit_events.person_id is 'Whom the event concerns; actor_id is who did it, null for the command line.';
create index on mcp.audit_events (person_id);
create index on mcp.audit_events (event);

-- Everybody's connections, found by whose they are, and from where they were last refreshed.
alter table mcp.mcp_sessions add column last_address text;
comment on column mcp.mcp_sessions.last_address is 'From which address tokens were last asked for.';
create index on mcp.mcp_sessions (subject);

alter table mcp.people enable row level security;
alter table mcp.passkeys enable row level security;
alter table mcp.identities enable row level security;
alter table mcp.browser_sessions enable row level security;
alter table mcp.links enable row level security;
alter table mcp.recovery_codes enable row level security;
alter table mcp.ceremonies enable row level security;
alter table mcp.consents enable row level security;
alter table mcp.maintenance enable row level security;

-- Supabase grants new tables to its API roles by default, and only a revocation on the tables themselves undoes that.
do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- OpenID Connect: what a code's ID token has to say, and the keys that sign it.

alter table mcp.oauth_authorization_codes
  add column nonce text,
  add column auth_time timestamptz not null default clock_timestamp();
comment on column mcp.oauth_authorization_codes.auth_time is 'When the person proved who they are (OpenID Connect Core section 2).';

create table mcp.signing_keys (
  kid text primary key,
  alg text not null check (alg in ('RS256', 'ES256')),
  public_jwk jsonb not null,
  sealed_private bytea not null,
  created_at timestamptz not null default clock_timestamp()
);
comment on table mcp.signing_keys is
  'Keys of ID tokens. The private half is encrypted under a server key and, where SEALING_KEY is set, under that too: then the database alone signs nothing.';
create index on mcp.signing_keys (alg, created_at);
alter table mcp.signing_keys enable row level security;

do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- Browsers that were not used for so long that they are signed out are found by when they were used last, and deleted.

create index on mcp.browser_sessions (last_used_at);
-- Servers behind this one: those that an owner added on the page, which are switched off, and what each offers as it was approved.

create table mcp.servers (
  name text primary key check (name ~ '^[a-zA-Z0-9_-]{1,16}$'),
  title text not null check (title <> ''),
  url text not null check (url ~ '^https://'),
  auth text not null check (auth in ('none', 'oauth')),
  created_by text not null,
  created_at timestamptz not null default clock_timestamp()
);
comment on table mcp.servers is
  'Servers that an owner added on the page. Those of gatehouse.json are not here; neither are headers, which would be secrets.';

create table mcp.server_switches (
  name text primary key,
  is_off boolean not null,
  changed_by text not null,
  changed_at timestamptz not null default clock_timestamp()
);
comment on table mcp.server_switches is 'Which servers an owner switched off, whoever described them.';

create table mcp.server_definitions (
  server text not null,
  kind text not null check (kind in ('tool', 'prompt', 'resource', 'template', 'instructions')),
  name text not null,
  approved jsonb,
  seen jsonb,
  is_off boolean not null default false,
  decided_by text,
  decided_at timestamptz,
  seen_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  primary key (server, kind, name)
);
comment on table mcp.server_definitions is
  'What servers offer: as it was approved, which is what clients get, and as it was seen last. Where the two differ an owner has to look.';
comment on column mcp.server_definitions.approved is 'Null for what nobody has approved yet.';
comment on column mcp.server_definitions.seen is 'Null for what the server does not offer any more.';
comment on column mcp.server_definitions.decided_by is 'Who approved it, or switched it off; ''file'' where its server was new and stood in gatehouse.json.';

alter table mcp.servers enable row level security;
alter table mcp.server_switches enable row level security;
alter table mcp.server_definitions enable row level security;

do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- People's sign-ins at servers behind this one: what they were given there, sealed, and what is on its way.

create table mcp.server_links (
  mount text not null check (mount ~ '^[a-zA-Z0-9_-]{1,16}$'),
  person_id uuid not null references mcp.people on delete cascade,
  url text not null,
  issuer text not null,
  scope text,
  sealed bytea not null,
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  refreshed_at timestamptz not null default clock_timestamp(),
  refreshing_until timestamptz,
  primary key (mount, person_id)
);
comment on table mcp.server_links is
  'What a person was given at a server: tokens, encrypted under a server key and, where SEALING_KEY is set, under that too; they open for this server, person and address alone.';
comment on column mcp.server_links.url is 'The address that the tokens are for: a server that moved is signed in at anew.';
comment on column mcp.server_links.expires_at is 'Of the access token; null where nobody said.';
comment on column mcp.server_links.refreshing_until is 'Until when one instance alone may ask for new tokens. A time in the past is one that ended in the middle of it.';
create index on mcp.server_links (person_id);

create table mcp.server_clients (
  mount text not null check (mount ~ '^[a-zA-Z0-9_-]{1,16}$'),
  issuer text not null,
  redirect_uri text not null,
  sealed bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  primary key (mount, issuer)
);
comment on table mcp.server_clients is
  'As whom this server has registered itself at an authorization server (RFC 7591), sealed: there may be a secret in it.';

create table mcp.server_sign_ins (
  state_hash bytea primary key,
  mount text not null,
  person_id uuid not null references mcp.people on delete cascade,
  browser_session uuid not null references mcp.browser_sessions on delete cascade,
  sealed bytea not null,
  expires_at timestamptz not null
);
comment on table mcp.server_sign_ins is
  'Sign-ins at servers that a person has begun in a browser: read and deleted at once when that browser comes back.';
create index on mcp.server_sign_ins (expires_at);
create index on mcp.server_sign_ins (person_id);
create index on mcp.server_sign_ins (browser_session);

alter table mcp.server_links enable row level security;
alter table mcp.server_clients enable row level security;
alter table mcp.server_sign_ins enable row level security;

do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- Which task of maintenance an instance is at, so that no other begins it too. A row and not a lock of the session, which
-- nobody has behind a transaction pooler.

create table mcp.maintenance_claims (
  task text primary key,
  holder uuid not null,
  expires_at timestamptz not null
);
comment on table mcp.maintenance_claims is
  'Held while a task runs, renewed as long as it does, and free again a minute after its holder was killed.';

alter table mcp.maintenance_claims enable row level security;

do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- A client whose exchange was not answered may ask once more: what was issued is kept for that until it was answered.

create table mcp.oauth_redemptions (
  session_id uuid primary key references mcp.mcp_sessions on delete cascade,
  sealed_answer bytea not null,
  nonce text,
  auth_time timestamptz not null,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
comment on table mcp.oauth_redemptions is
  'Redeemed codes whose client may not have been answered yet: deleted once it was, at the end of the session, and by cleanup.';
comment on column mcp.oauth_redemptions.sealed_answer is
  'The tokens that the code yielded, encrypted under a key that only the code yields.';
create index on mcp.oauth_redemptions (expires_at);

alter table mcp.oauth_redemptions enable row level security;

do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- What the server did, hour by hour, for the charts that owners look at. Each process adds what it counted once a minute; no
-- row is about a person, a client or an address.

create table mcp.usage_hourly (
  hour timestamptz not null,
  kind text not null,
  name text not null,
  outcome text not null,
  count bigint not null default 0,
  seconds double precision not null default 0,
  buckets bigint[] not null default '{}',
  primary key (hour, kind, name, outcome)
);
comment on table mcp.usage_hourly is
  'Counts of an hour by kind, name and outcome; of what takes time also its seconds, and how many fell into each bucket.';

alter table mcp.usage_hourly enable row level security;

do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- How far those who are told of events have been told. It is here, and not with an instance, so that any of them goes on.

create table mcp.event_cursors (
  name text primary key,
  last_id bigint not null,
  updated_at timestamptz not null default clock_timestamp()
);
comment on table mcp.event_cursors is 'The last event that a receiver has answered for; it moves on only from where it was.';

alter table mcp.event_cursors enable row level security;

do $$
declare api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on all tables in schema mcp from %I', api_role);
  end loop;
end $$;
-- Events are kept for so long as the operator says (EVENTS_RETENTION_DAYS), and found by their age.
create index on mcp.audit_events (at);
comment on table mcp.audit_events is
  'What an operator must be able to look up later: sessions compromised or revoked, and by what. Holds no token. Cleanup deletes what is older than EVENTS_RETENTION_DAYS.';

comment on table mcp.people is
  'Whoever may sign in. The id is the OAuth and OpenID Connect sub, and is never given to anybody else: rows are disabled, or deleted for good.';

create table if not exists mcp.schema_migrations (
  version text primary key,
  name text not null,
  applied_at timestamptz not null default clock_timestamp()
);
alter table mcp.schema_migrations add column if not exists since text;
comment on table mcp.schema_migrations is 'The migrations that have been applied. Written by db:init and by schema.sql.';
comment on column mcp.schema_migrations.since is 'Programs that do not know this version must not work on what the migration left.';
alter table mcp.schema_migrations enable row level security;
insert into mcp.schema_migrations (version, name, since) values
  ('20261124000000', 'gatehouse', null),
  ('20261124130000', 'client_identity', null),
  ('20261124140000', 'revocations', null),
  ('20261124150000', 'growth', null),
  ('20261125090000', 'last_use', null),
  ('20261125210000', 'answers', null),
  ('20261126000000', 'people', null),
  ('20261126001000', 'openid', null),
  ('20261126002000', 'idle_browsers', null),
  ('20261126100000', 'servers', null),
  ('20261126101000', 'server_sign_in', null),
  ('20261126121000', 'maintenance_claims', null),
  ('20261126122000', 'redemptions', null),
  ('20261126130000', 'usage', null),
  ('20261126131000', 'event_cursors', null),
  ('20261126203000', 'forgetting', null);

commit;
