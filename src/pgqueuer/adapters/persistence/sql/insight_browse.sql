-- A page of at most $1 jobs after the first $2, newest first, with one of the statuses $3 and of
-- the entrypoints $4 (NULL: any), with its payload if $5. Headers that are no object are left out,
-- not an error.
SELECT
    job.id, job.priority, least(greatest(job.created, :'earliest'), :'latest') AS created,
    least(greatest(job.updated, :'earliest'), :'latest') AS updated,
    least(greatest(job.heartbeat, :'earliest'), :'latest') AS heartbeat,
    least(greatest(job.execute_after, :'earliest'), :'latest') AS execute_after,
    job.status::text AS status, job.entrypoint,
    CASE WHEN $5::boolean THEN job.payload END AS payload, job.attempts, job.queue_manager_id,
    job.slot, CASE WHEN jsonb_typeof(job.headers) = 'object' THEN job.headers END AS headers
FROM :"queue_table" AS job
WHERE ($3::text[] IS NULL OR job.status::text = ANY ($3::text[]))
    AND ($4::text[] IS NULL OR job.entrypoint = ANY ($4::text[]))
ORDER BY job.id DESC
LIMIT $1::bigint OFFSET $2::bigint;
