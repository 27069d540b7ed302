/** What holds of people in the database at every moment, one query each: it finds those of whom it does not. */

const events = (...names: ReadonlyArray<string>) =>
  `(select count(*) from mcp.audit_events e where e.person_id = p.id and e.event in (${names.map((name) => `'${name}'`)}))`

export const PEOPLE_INVARIANTS = {
  "a person came in once, and it is recorded": `
    select p.id, p.email from mcp.people p
    where ${events("server_set_up", "invitation_followed", "person_signed_up")} <> 1`,

  "somebody owns the server": `
    select count(*) from mcp.people having count(*) > 0 and count(*) filter (where role = 'owner' and disabled_at is null) = 0`,

  "everybody has a way in": `
    select p.id, p.email from mcp.people p
    where p.password is null
      and not exists (select from mcp.passkeys k where k.person_id = p.id)
      and not exists (select from mcp.identities i where i.person_id = p.id)`,

  "whoever is disabled has nothing left": `
    select p.id, p.email from mcp.people p
    where p.disabled_at is not null and (
      exists (select from mcp.browser_sessions b where b.person_id = p.id)
      or exists (select from mcp.links l where l.person_id = p.id)
      or exists (select from mcp.oauth_authorization_codes c where c.subject = p.id::text)
      or exists (select from mcp.mcp_sessions s where s.subject = p.id::text and s.status = 'active'))`,

  "disabled and enabled as it is recorded": `
    select p.id, p.email, p.disabled_at from mcp.people p
    where (p.disabled_at is not null)::int <> ${events("person_disabled")} - ${events("person_enabled")}`,

  "a password was set, and it is recorded": `
    select p.id, p.email from mcp.people p
    where (p.password is not null) <> (${events("password_set", "password_changed")} > 0)
       or ${events("password_set")} > 1`,

  "passkeys as they are recorded": `
    select p.id, p.email from mcp.people p
    where (select count(*) from mcp.passkeys k where k.person_id = p.id)
       <> ${events("passkey_added")} - ${events("passkey_removed")}`,

  "accounts elsewhere as they are recorded": `
    select p.id, p.email from mcp.people p
    where (select count(*) from mcp.identities i where i.person_id = p.id)
       <> ${events("identity_linked")} - ${events("identity_unlinked")}`,

  "no browser without its sign-in": `
    select p.id, p.email from mcp.people p
    where (select count(*) from mcp.browser_sessions b where b.person_id = p.id) > ${events("signed_in")}`,

  "recovery codes are ten, less those used since they were made": `
    select p.id, p.email, made.id, used.count from mcp.people p,
      lateral (select max(e.id) as id from mcp.audit_events e
               where e.person_id = p.id and e.event = 'recovery_codes_made') made,
      lateral (select count(*) from mcp.audit_events e
               where e.person_id = p.id and e.event = 'recovery_code_used' and e.id > made.id) used
    where (select count(*) from mcp.recovery_codes r where r.person_id = p.id)
       <> case when made.id is null then 0 else 10 - used.count end`,

  "nobody is invited who is here": `
    select l.email from mcp.links l join mcp.people p on lower(p.email) = lower(l.email) where l.kind = 'invitation'`,

  "once somebody is here, nobody sets up": `
    select l.kind from mcp.links l where l.kind = 'setup' and exists (select from mcp.people)
      and l.created_at > (select min(created_at) from mcp.people)`
} as const satisfies Readonly<Record<string, string>>

/** Whether any of these stands in any column of any table, as text or as bytes. */
export const LEAKED = `
  select c.relname as "table", found::text as secret
  from pg_class c join pg_namespace n on n.oid = c.relnamespace,
       unnest(xpath('//secret/text()', query_to_xml(
         format('select s as secret from mcp.%I t, unnest(%L::text[]) s
                 where position(s in t::text) > 0 or position(encode(convert_to(s, ''UTF8''), ''hex'') in t::text) > 0',
                c.relname, $1::text[]), false, false, '')
       )) as found
  where n.nspname = 'mcp' and c.relkind = 'r'`
