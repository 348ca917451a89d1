-- Up to $2 picked jobs without a heartbeat for $1, the oldest heartbeat first; zero means all.
SELECT
    job.id, job.priority, job.queue_manager_id, job.created, job.updated, job.heartbeat,
    job.execute_after, job.status::text AS status, job.entrypoint,
    greatest(0, date_part('epoch', now() - job.heartbeat)) AS seconds_since_heartbeat
FROM :"queue_table" AS job
WHERE job.status = 'picked'
    AND (job.heartbeat <= now() - $1::interval OR $1::interval = interval '0')
ORDER BY job.heartbeat, job.id
LIMIT $2::bigint;
