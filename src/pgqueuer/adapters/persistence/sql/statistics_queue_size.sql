-- How many jobs there are, by entrypoint, priority and status.
SELECT count(*) AS count, job.entrypoint, job.priority, job.status::text AS status
FROM :"queue_table" AS job
GROUP BY job.entrypoint, job.priority, job.status
ORDER BY job.entrypoint, job.priority, status;
