-- The log by time. Rows come in the order of time, so a few bytes for each block will do.
CREATE INDEX :"queue_table_log_name__created" ON :"queue_table_log"
    USING brin (created) WITH (autosummarize = on);
