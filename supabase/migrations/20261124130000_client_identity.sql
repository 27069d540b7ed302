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
