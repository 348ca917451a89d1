-- Sets the heartbeat of the picked jobs $1, whoever holds them. See settle.sql for the form of the
-- condition.
UPDATE :"queue_table" AS job
SET heartbeat = now()
WHERE job.id = ANY ($1::bigint[])
    AND job.status::text = 'picked';
