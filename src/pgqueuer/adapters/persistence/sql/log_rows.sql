-- Every transition that is remembered, in the order in which they were written.
SELECT
    least(greatest(log.created, :'earliest'), :'latest') AS created, log.job_id,
    log.status::text AS status, log.priority, log.entrypoint,
    log.traceback, log.aggregated IS TRUE AS aggregated
FROM :"queue_table_log" AS log
ORDER BY log.id;
