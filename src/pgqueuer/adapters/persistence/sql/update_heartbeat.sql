-- Sets the heartbeat of the picked jobs $1, whoever holds them.
UPDATE :"queue_table" AS job
SET heartbeat = now()
WHERE job.id = ANY ($1::bigint[])
    AND job.status = 'picked';
