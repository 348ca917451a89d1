-- At most $1 held jobs by their creation, ascending if $2 is ASC, else descending. Headers that
-- are no object, which is one reason to be held, are left out.
SELECT
    job.id, job.priority, least(greatest(job.created, :'earliest'), :'latest') AS created,
    least(greatest(job.updated, :'earliest'), :'latest') AS updated,
    least(greatest(job.heartbeat, :'earliest'), :'latest') AS heartbeat,
    least(greatest(job.execute_after, :'earliest'), :'latest') AS execute_after,
    job.status::text AS status, job.entrypoint, job.payload, job.attempts, job.queue_manager_id,
    job.slot, CASE WHEN jsonb_typeof(job.headers) = 'object' THEN job.headers END AS headers
FROM :"queue_table" AS job
WHERE job.status = 'failed'
ORDER BY
    CASE WHEN $2::text = 'ASC' THEN job.created END,
    CASE WHEN $2::text = 'ASC' THEN job.id END,
    job.created DESC,
    job.id DESC
LIMIT $1::bigint;
