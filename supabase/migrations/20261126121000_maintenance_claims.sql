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
