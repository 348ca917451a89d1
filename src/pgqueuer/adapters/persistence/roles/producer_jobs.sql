-- RETURNING needs SELECT on what it returns, and dedupe keys on what the unique index looks at.
-- The payload and the headers can be written, never read. UPDATE is for on_conflict =
-- 'update_priority'.
GRANT
    INSERT (id, priority, entrypoint, payload, execute_after, headers, dedupe_key, status),
    SELECT (id, priority, entrypoint, dedupe_key, status),
    UPDATE (priority)
ON :"queue_table" TO :"role";
