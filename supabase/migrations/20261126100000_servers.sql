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
