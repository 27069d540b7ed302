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
