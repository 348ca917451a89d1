-- The history of a job, newest first.
CREATE INDEX :"queue_table_log_name__job_id_status" ON :"queue_table_log"
    (job_id, created DESC);
