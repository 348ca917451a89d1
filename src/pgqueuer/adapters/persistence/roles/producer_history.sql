-- The first transition of each job.
GRANT INSERT (job_id, status, priority, entrypoint) ON :"queue_table_log" TO :"role";
