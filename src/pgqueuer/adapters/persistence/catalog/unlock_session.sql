-- Asks first, because a pool may have given another connection, and that would be warned about.
SELECT pg_advisory_unlock($1::bigint)
FROM pg_locks
WHERE locktype = 'advisory'
    AND pid = pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND objsubid = 1
    AND ((classid::bigint << 32) | objid::bigint) = $1::bigint
LIMIT 1;
