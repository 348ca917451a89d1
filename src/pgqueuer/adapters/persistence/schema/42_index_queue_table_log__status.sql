-- The log by status.
CREATE INDEX :"queue_table_log_name__status" ON :"queue_table_log"
    (status);
