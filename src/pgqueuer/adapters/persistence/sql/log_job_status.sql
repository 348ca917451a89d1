-- The newest status of each of the jobs $1 that the log knows. Ids tell the order of a job's
-- transitions, `created` does not: it is the start of the transaction that wrote the row.
SELECT DISTINCT ON (log.job_id) log.job_id, log.status::text AS status
FROM :"queue_table_log" AS log
WHERE log.job_id = ANY ($1::bigint[])
ORDER BY log.job_id, log.id DESC;
