-- Transitions are written, folded into the statistics, and deleted when they are old.
GRANT
    SELECT,
    DELETE,
    INSERT (created, job_id, status, priority, entrypoint, traceback, aggregated),
    UPDATE (aggregated)
ON :"queue_table_log" TO :"role";
