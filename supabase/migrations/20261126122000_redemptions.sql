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
