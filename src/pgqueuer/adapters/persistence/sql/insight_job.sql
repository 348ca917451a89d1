-- The job $1, if it is still there. Headers that are no object are left out, not an error.
SELECT
    job.id, job.priority, job.created, job.updated, job.heartbeat, job.execute_after,
    job.status::text AS status, job.entrypoint, job.payload, job.attempts, job.queue_manager_id,
    job.slot, CASE WHEN jsonb_typeof(job.headers) = 'object' THEN job.headers END AS headers
FROM :"queue_table" AS job
WHERE job.id = $1::bigint;
