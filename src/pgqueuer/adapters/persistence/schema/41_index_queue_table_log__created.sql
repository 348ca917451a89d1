-- The log by time.
CREATE INDEX :"queue_table_log_name__created" ON :"queue_table_log"
    (created);
