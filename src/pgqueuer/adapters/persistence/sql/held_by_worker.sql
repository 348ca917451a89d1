-- How many jobs of the entrypoints $2 worker $1 holds.
SELECT count(*) AS held
FROM :"queue_table" AS job
WHERE job.status = 'picked'
    AND job.queue_manager_id = $1::uuid
    AND job.entrypoint = ANY ($2::text[]);
