-- Up to $2 picked jobs without a heartbeat for $1, the oldest heartbeat first; zero means all.
SELECT
    job.id, job.priority, job.queue_manager_id,
    least(greatest(job.created, :'earliest'), :'latest') AS created,
    least(greatest(job.updated, :'earliest'), :'latest') AS updated,
    least(greatest(job.heartbeat, :'earliest'), :'latest') AS heartbeat,
    least(greatest(job.execute_after, :'earliest'), :'latest') AS execute_after,
    job.status::text AS status, job.entrypoint,
    greatest(0, date_part('epoch', now() - least(greatest(job.heartbeat, :'earliest'), :'latest')))
        AS seconds_since_heartbeat
FROM :"queue_table" AS job
WHERE job.status = 'picked'
    AND (job.heartbeat <= now() - $1::interval OR $1::interval = interval '0')
ORDER BY job.heartbeat, job.id
LIMIT $2::bigint;
