-- Renews the leases of owner $1 on the jobs $2 and returns those that it still holds. The rows are
-- looked up by key; see settle.sql for the form of the fence.
-- A row that is locked, as while a handler completes its job in a transaction, is not waited for: all
-- other leases would run out meanwhile, and nobody takes over a job whose row is locked.
WITH free AS MATERIALIZED (
    SELECT job.id
    FROM :"queue_table" AS job
    WHERE job.id = ANY ($2::bigint[])
        AND job.queue_manager_id IS NOT DISTINCT FROM $1::uuid
    FOR NO KEY UPDATE SKIP LOCKED
),

renewed AS (
    UPDATE :"queue_table" AS job
    SET heartbeat = now()
    WHERE job.id = ANY (ARRAY(SELECT free.id FROM free))
)

SELECT job.id
FROM :"queue_table" AS job
WHERE job.id = ANY ($2::bigint[])
    AND job.queue_manager_id IS NOT DISTINCT FROM $1::uuid;
