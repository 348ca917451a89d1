-- The newest $1 log rows of jobs that an exception ended.
SELECT
    least(greatest(log.created, :'earliest'), :'latest') AS created, log.job_id,
    log.status::text AS status, log.priority, log.entrypoint,
    log.traceback, log.aggregated IS TRUE AS aggregated
FROM :"queue_table_log" AS log
WHERE log.status = 'exception'
ORDER BY log.created DESC, log.id DESC
LIMIT $1::bigint;
