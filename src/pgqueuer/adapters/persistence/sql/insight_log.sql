-- The newest $1 transitions of all jobs, newest first.
SELECT
    log.created, log.job_id, log.status::text AS status, log.priority, log.entrypoint,
    log.traceback, log.aggregated
FROM :"queue_table_log" AS log
ORDER BY log.id DESC
LIMIT $1::bigint;
