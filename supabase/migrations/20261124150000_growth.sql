-- What keeps the cost of an operation the same however many rows there are.

-- Every refresh updates its session, in no indexed column: with room on the page, the new version needs no index entry.
alter table mcp.mcp_sessions set (fillfactor = 80);
create index on mcp.mcp_sessions (expires_at);

-- A rotation clears seals whose grace is over; without this it would walk the whole chain.
create index on mcp.oauth_refresh_tokens (session_id) where sealed_successor is not null;

-- Instances keep clients in memory too, for the token endpoint, so whatever the row says of a client is announced.
drop trigger announce_disabled on mcp.oauth_clients;
create trigger announce_changed after update on mcp.oauth_clients for each row
  when ((old.client_name, old.origin, old.redirect_uris, old.grant_types, old.token_endpoint_auth_methods,
         old.secret_hash, old.secret_salt, old.secret_kdf, old.jwks, old.jwks_uri, old.disabled_at)
        is distinct from
        (new.client_name, new.origin, new.redirect_uris, new.grant_types, new.token_endpoint_auth_methods,
         new.secret_hash, new.secret_salt, new.secret_kdf, new.jwks, new.jwks_uri, new.disabled_at))
  execute function mcp.announce_client();
