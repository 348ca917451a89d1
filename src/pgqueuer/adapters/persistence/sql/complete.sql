-- Ends job $1 of owner $2 as successful within the transaction of the caller, and tells which that
-- is; no row means that the owner does not hold the job. See settle.sql for the form of the fence.
-- The log gets the time of the statement, as the transaction may have begun long ago.
WITH removed AS (
    DELETE FROM :"queue_table" AS job
    WHERE job.id = $1::bigint
        AND job.queue_manager_id IS NOT DISTINCT FROM $2::uuid
        AND job.status::text = 'picked'
    RETURNING job.id, job.entrypoint, job.priority
),

logged AS (
    INSERT INTO :"queue_table_log" (created, job_id, status, entrypoint, priority)
    SELECT clock_timestamp(), removed.id, 'successful', removed.entrypoint, removed.priority
    FROM removed
)

SELECT pg_current_xact_id()::text AS transaction FROM removed;
