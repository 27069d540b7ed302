-- Browsers that were not used for so long that they are signed out are found by when they were used last, and deleted.

create index on mcp.browser_sessions (last_used_at);
