-- Renews the leases of owner $1 on the jobs $2 and returns those that it still holds.
UPDATE :"queue_table" AS job
SET heartbeat = now()
WHERE job.id = ANY ($2::bigint[])
    AND job.status = 'picked'
    AND job.queue_manager_id = $1::uuid
RETURNING job.id;
