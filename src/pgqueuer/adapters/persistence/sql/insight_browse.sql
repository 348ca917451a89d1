-- A page of at most $1 jobs after the first $2, newest first, with one of the statuses $3, of the
-- entrypoints $4, and with the text $5 somewhere: in the entrypoint, the headers, the payload, or
-- as the id (NULL: any). Headers that are no object are left out, not an error.
SELECT
    job.id, job.priority, least(greatest(job.created, :'earliest'), :'latest') AS created,
    least(greatest(job.updated, :'earliest'), :'latest') AS updated,
    least(greatest(job.heartbeat, :'earliest'), :'latest') AS heartbeat,
    least(greatest(job.execute_after, :'earliest'), :'latest') AS execute_after,
    job.status::text AS status, job.entrypoint, job.payload, job.attempts, job.queue_manager_id,
    job.slot, CASE WHEN jsonb_typeof(job.headers) = 'object' THEN job.headers END AS headers
FROM :"queue_table" AS job
WHERE ($3::text[] IS NULL OR job.status::text = ANY ($3::text[]))
    AND ($4::text[] IS NULL OR job.entrypoint = ANY ($4::text[]))
    AND (
        $5::text IS NULL
        OR job.id::text = $5::text
        OR strpos(lower(job.entrypoint), lower($5::text)) > 0
        OR strpos(lower(job.headers::text), lower($5::text)) > 0
        OR position(convert_to($5::text, 'UTF8') IN job.payload) > 0
    )
ORDER BY job.id DESC
LIMIT $1::bigint OFFSET $2::bigint;
