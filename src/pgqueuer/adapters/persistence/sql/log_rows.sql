-- Every transition that is remembered, in the order in which they were written.
SELECT
    log.created, log.job_id, log.status::text AS status, log.priority, log.entrypoint,
    log.traceback, log.aggregated
FROM :"queue_table_log" AS log
ORDER BY log.id;
