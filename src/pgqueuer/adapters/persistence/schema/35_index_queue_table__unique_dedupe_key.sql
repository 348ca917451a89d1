-- One active job a dedupe key.
CREATE UNIQUE INDEX :"queue_table_name__unique_dedupe_key" ON :"queue_table"
    (dedupe_key)
    WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL;
