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
