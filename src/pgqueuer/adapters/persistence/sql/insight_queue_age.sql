-- How long queued jobs have been there, by entrypoint.
SELECT
    job.entrypoint,
    count(*) AS queued_count,
    min(job.created) AS oldest_created,
    greatest(0, date_part('epoch', now() - min(job.created))) AS oldest_age_seconds,
    greatest(0, avg(date_part('epoch', now() - job.created))) AS avg_age_seconds
FROM :"queue_table" AS job
WHERE job.status = 'queued'
GROUP BY job.entrypoint
ORDER BY job.entrypoint;
