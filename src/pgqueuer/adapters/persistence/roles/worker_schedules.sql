-- Schedules are added, run, paused, and deleted by clean_old.
GRANT
    SELECT,
    DELETE,
    INSERT (expression, entrypoint, next_run),
    UPDATE (heartbeat, updated, next_run, last_run, status, due, paused_next_run)
ON :"schedules_table" TO :"role";
