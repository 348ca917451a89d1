-- Jobs that were taken over twice or more, which run alone.
CREATE INDEX :"queue_table_name__suspect_idx" ON :"queue_table"
    (entrypoint, priority DESC, id)
    WHERE status = 'queued' AND takeovers >= 2;
