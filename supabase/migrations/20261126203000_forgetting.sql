-- Events are kept for so long as the operator says (EVENTS_RETENTION_DAYS), and found by their age.
create index on mcp.audit_events (at);
comment on table mcp.audit_events is
  'What an operator must be able to look up later: sessions compromised or revoked, and by what. Holds no token. Cleanup deletes what is older than EVENTS_RETENTION_DAYS.';

comment on table mcp.people is
  'Whoever may sign in. The id is the OAuth and OpenID Connect sub, and is never given to anybody else: rows are disabled, or deleted for good.';
