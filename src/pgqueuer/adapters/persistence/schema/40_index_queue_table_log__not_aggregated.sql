-- Log rows that are not in the statistics yet.
CREATE INDEX :"queue_table_log_name__not_aggregated" ON :"queue_table_log"
    ((1))
    WHERE NOT aggregated;
