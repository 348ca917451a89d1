-- Workers as seen from the jobs that they hold, the busiest first.
SELECT
    job.queue_manager_id,
    count(*) AS active_jobs,
    least(greatest(min(job.heartbeat), :'earliest'), :'latest') AS oldest_heartbeat,
    least(greatest(max(job.heartbeat), :'earliest'), :'latest') AS newest_heartbeat,
    array_agg(DISTINCT job.entrypoint ORDER BY job.entrypoint) AS entrypoints
FROM :"queue_table" AS job
WHERE job.status = 'picked' AND job.queue_manager_id IS NOT NULL
GROUP BY job.queue_manager_id
ORDER BY active_jobs DESC, job.queue_manager_id;
