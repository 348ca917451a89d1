-- Puts back what owner $1 holds without knowing: all its picked jobs but $2. They were never
-- delivered, so no attempt is counted.
WITH released AS (
    UPDATE :"queue_table" AS job
    SET status = 'queued', updated = now(), queue_manager_id = NULL, slot = NULL
    WHERE job.status = 'picked'
        AND job.queue_manager_id = $1::uuid
        AND job.id <> ALL ($2::bigint[])
    RETURNING job.id, job.status, job.entrypoint, job.priority
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT released.id, released.status, released.entrypoint, released.priority FROM released
),

woken AS MATERIALIZED (
    SELECT pg_notify(:'channel', $3::text) WHERE EXISTS (SELECT FROM released)
)

SELECT (SELECT count(*) FROM released) AS released, (SELECT count(*) FROM woken) AS woken;
