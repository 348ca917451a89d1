-- When the next job of an entrypoint is due.
CREATE INDEX :"queue_table_name__ep_ea_idx" ON :"queue_table"
    (entrypoint, execute_after)
    WHERE status = 'queued';
