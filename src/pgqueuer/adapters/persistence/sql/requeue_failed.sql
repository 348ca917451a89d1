-- Puts the parked jobs $1 back to the queue as if they were new, and wakes the workers with $2.
WITH requeued AS (
    UPDATE :"queue_table" AS job
    SET status = 'queued', attempts = 0, takeovers = 0, execute_after = now(), updated = now(),
        queue_manager_id = NULL, slot = NULL
    WHERE job.id = ANY ($1::bigint[]) AND job.status = 'failed'
    RETURNING job.id, job.status, job.entrypoint, job.priority
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT requeued.id, requeued.status, requeued.entrypoint, requeued.priority FROM requeued
),

woken AS MATERIALIZED (
    SELECT pg_notify(:'channel', $2::text) WHERE EXISTS (SELECT FROM requeued)
)

SELECT (SELECT count(*) FROM requeued) AS requeued, (SELECT count(*) FROM woken) AS woken;
