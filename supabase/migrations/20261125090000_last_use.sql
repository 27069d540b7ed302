-- When each session was last used, for operators and for the people whose sessions they are.
alter table mcp.mcp_sessions add column last_used_at timestamptz;
comment on column mcp.mcp_sessions.last_used_at is
  'When an access token of the session was last used, give or take a minute: instances write it once a minute for all of them.';
