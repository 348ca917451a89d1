-- Those jobs among the ids $2 that worker $1 holds.
SELECT
    id, priority, created, updated, heartbeat, execute_after, status::text AS status, entrypoint,
    payload, attempts, queue_manager_id, slot, headers
FROM :"queue_table" AS job
WHERE job.status = 'picked'
    AND job.queue_manager_id = $1::uuid
    AND job.id = ANY ($2::bigint[]);
