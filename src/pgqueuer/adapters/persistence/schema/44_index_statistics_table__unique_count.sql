-- One row a bucket. The spelling counts: AT TIME ZONE would be another definition.
CREATE UNIQUE INDEX :"statistics_table_name__unique_count" ON :"statistics_table"
    (priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint);
