/** What must hold in the database at every moment, one query each: it finds the rows for which it does not. */

import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** How our tokens begin, as text, and as the hexadecimal digits of a `bytea`. */
const SECRET = "mcp_(at|rt|ac|cs)_|6d63705f(6174|7274|6163|6373)5f"

export const INVARIANTS = {
  "I1 a session has at most one refresh token that was not rotated, and that is its head": `
    select r.session_id, s.head_generation, array_agg(r.generation) filter (where r.rotated_at is null) as not_rotated
    from mcp.oauth_refresh_tokens r join mcp.mcp_sessions s on s.id = r.session_id
    group by r.session_id, s.head_generation
    having count(*) filter (where r.rotated_at is null) > 1
        or bool_or((r.rotated_at is null) <> (r.generation = s.head_generation))`,

  "I1 an active session that can be refreshed has its head": `
    select s.id, s.head_generation from mcp.mcp_sessions s
    where s.status = 'active'
      and exists (select from mcp.oauth_refresh_tokens r where r.session_id = s.id and r.expires_at > now())
      and not exists (
        select from mcp.oauth_refresh_tokens r
        where r.session_id = s.id and r.generation = s.head_generation and r.revoked_at is null)`,

  "I2 no generation is above the head, and no refresh token's is there twice": `
    select t.session_id, t.generation, s.head_generation, count(*) as times
    from (
      select session_id, generation, false as is_access from mcp.oauth_refresh_tokens
      union all select session_id, generation, true from mcp.oauth_access_tokens
    ) t join mcp.mcp_sessions s on s.id = t.session_id
    group by t.session_id, t.generation, t.is_access, s.head_generation
    having t.generation > s.head_generation or (count(*) > 1 and not t.is_access)`,

  "I3 nothing of an ended session lives": `
    select s.id, s.status from mcp.mcp_sessions s
    where s.status <> 'active' and (
      exists (select from mcp.oauth_access_tokens a where a.session_id = s.id and a.revoked_at is null)
      or exists (
        select from mcp.oauth_refresh_tokens r
        where r.session_id = s.id and (r.revoked_at is null or r.sealed_successor is not null))
      or exists (select from mcp.oauth_redemptions o where o.session_id = s.id))`,

  "I4 a session ends once, as it is recorded, and never comes back": `
    select s.id, s.status, array_agg(e.event) as events
    from mcp.mcp_sessions s
    left join mcp.audit_events e on e.session_id = s.id and e.event in ('session_revoked', 'session_compromised')
    group by s.id, s.status
    having case s.status when 'active' then '{}' else array['session_' || s.status] end
        <> coalesce(array_agg(e.event) filter (where e.event is not null), '{}')`,

  "I7 a session is compromised by a retired token alone": `
    select session_id, detail from mcp.audit_events
    where event = 'session_compromised'
      and not coalesce((detail ->> 'presented_generation')::int < (detail ->> 'head_generation')::int, false)`,

  "I8 a token's parent is the retired token before it, of the same session": `
    select r.session_id, r.generation, p.session_id as parents_session, p.generation as parents_generation
    from mcp.oauth_refresh_tokens r left join mcp.oauth_refresh_tokens p on p.token_hash = r.parent_hash
    where (r.generation = 0) <> (r.parent_hash is null)
       or p.session_id <> r.session_id or p.generation <> r.generation - 1
       or (p.token_hash is not null and p.rotated_at is null)`,

  "I9 no token outlives its session": `
    select s.id, s.expires_at, t.expires_at as tokens from mcp.mcp_sessions s
    join (
      select session_id, expires_at from mcp.oauth_refresh_tokens
      union all select session_id, expires_at from mcp.oauth_access_tokens
    ) t on t.session_id = s.id
    where t.expires_at > s.expires_at`,

  "I10 no access token is worth more than was granted": `
    select s.id, s.scopes, a.scopes as of_token, s.resource, a.resource as at_token
    from mcp.oauth_access_tokens a join mcp.mcp_sessions s on s.id = a.session_id
    where not a.scopes <@ s.scopes or a.resource <> s.resource`,

  "I12 no secret is written down": `
    select c.relname as "table", found::text as row
    from pg_class c join pg_namespace n on n.oid = c.relnamespace,
         unnest(xpath('//line/text()', query_to_xml(
           format('select t::text as line from mcp.%I t where t::text ~ %L', c.relname, '${SECRET}'), false, false, '')
         )) as found
    where n.nspname = 'mcp' and c.relkind = 'r'`,

  "TK9 a code begins one session, and is gone then": `
    select s.code_hash from mcp.mcp_sessions s
    left join mcp.oauth_authorization_codes c on c.session_id = s.id or c.code_hash = s.code_hash
    group by s.code_hash having count(*) > 1 or count(c) > 0`
} as const

export type Invariant = keyof typeof INVARIANTS

/** Every invariant that does not hold, with the rows that show it. */
export const brokenInvariants = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const broken: Array<{ readonly invariant: Invariant; readonly rows: ReadonlyArray<object> }> = []
  for (const [name, query] of Object.entries(INVARIANTS)) {
    const rows = yield* sql.unsafe(query)
    // The keys of a constant, which `Object.entries` forgets.
    if (rows.length > 0) broken.push({ invariant: name as Invariant, rows: rows.slice(0, 5) })
  }
  return broken
})
