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
