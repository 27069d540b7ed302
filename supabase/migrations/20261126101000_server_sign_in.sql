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
