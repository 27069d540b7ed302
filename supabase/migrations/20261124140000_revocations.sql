-- Instances keep good access tokens in memory for some seconds. Whatever ends one early tells them, so that the next
-- request is refused everywhere: a revocation, a compromise, an operator's own update. Issuing and rotating tell nobody.

create function mcp.announce_session() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse_revoked', new.id::text);
  return null;
end $$;

create function mcp.announce_token() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse_revoked', new.session_id::text);
  return null;
end $$;

create function mcp.announce_client() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse_revoked', '*');
  return null;
end $$;

create trigger announce_status after update of status on mcp.mcp_sessions
  for each row when (old.status = 'active' and new.status <> 'active') execute function mcp.announce_session();
create trigger announce_end after update of expires_at on mcp.mcp_sessions
  for each row when (old.expires_at > new.expires_at) execute function mcp.announce_session();
create trigger announce_token after update of revoked_at, expires_at, scopes, resource on mcp.oauth_access_tokens
  for each row execute function mcp.announce_token();
create trigger announce_disabled after update of disabled_at on mcp.oauth_clients
  for each row when (new.disabled_at is not null) execute function mcp.announce_client();
create trigger announce_deleted after delete on mcp.oauth_clients
  for each statement execute function mcp.announce_client();
