-- What was answered to a consent form, so that the same answer given again (a double click) leads to the same place.
alter table mcp.oauth_decisions
  add column approved boolean,
  add column sealed_code bytea;
comment on column mcp.oauth_decisions.approved is
  'Whether the form was allowed or denied; null for a form that was answered before this column was there.';
comment on column mcp.oauth_decisions.sealed_code is
  'The code that an allowed form was answered with, encrypted under a key that only the posted form yields.';

-- A session is not gone on with by less than what it began with.
alter table mcp.mcp_sessions add column auth_method text;
comment on column mcp.mcp_sessions.auth_method is
  'How the client authenticated when the session began (RFC 7591 section 2); null for a session older than this column.';

-- Whether a person let this client in before, with this redirect URI: asked for whatever a stranger makes up.
create index on mcp.mcp_sessions (client_id, redirect_uri);
drop index mcp.mcp_sessions_client_id_idx;
