-- Deletes every job of the entrypoints $1 and tells the listeners with $2.
WITH deleted AS (
    DELETE FROM :"queue_table" AS job
    WHERE job.entrypoint = ANY ($1::text[])
    RETURNING job.id, job.entrypoint, job.priority
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT deleted.id, 'deleted', deleted.entrypoint, deleted.priority FROM deleted
)

SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (SELECT pg_notify(:'channel', $2::text)::text WHERE EXISTS (SELECT FROM deleted)) AS told;
