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
