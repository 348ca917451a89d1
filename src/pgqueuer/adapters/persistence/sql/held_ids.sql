-- The ids of the jobs that worker $1 holds.
SELECT job.id
FROM :"queue_table" AS job
WHERE job.status = 'picked' AND job.queue_manager_id = $1::uuid
ORDER BY job.id;
