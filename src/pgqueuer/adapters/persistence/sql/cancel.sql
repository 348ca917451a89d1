-- Deletes the jobs $1, whatever their status, and sends the messages $2 to workers and dashboards.
WITH canceled AS (
    DELETE FROM :"queue_table" AS job
    WHERE job.id = ANY ($1::bigint[])
    RETURNING job.id, job.entrypoint, job.priority
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT canceled.id, 'canceled', canceled.entrypoint, canceled.priority FROM canceled
),

told AS MATERIALIZED (
    SELECT pg_notify(:'channel', given.message) FROM unnest($2::text[]) AS given (message)
)

SELECT (SELECT count(*) FROM canceled) AS canceled, (SELECT count(*) FROM told) AS told;
