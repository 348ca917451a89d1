-- Renews the leases of owner $1 on the jobs $2 and returns those that it still holds. The rows are
-- looked up by key; see settle.sql for the form of the fence.
UPDATE :"queue_table" AS job
SET heartbeat = now()
WHERE job.id = ANY ($2::bigint[])
    AND job.queue_manager_id IS NOT DISTINCT FROM $1::uuid
RETURNING job.id;
