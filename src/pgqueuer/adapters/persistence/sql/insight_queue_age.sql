-- How long queued jobs have been there, by entrypoint.
SELECT
    job.entrypoint,
    count(*) AS queued_count,
    min(job.created) AS oldest_created,
    greatest(0, date_part('epoch', now() - min(job.created))) AS oldest_age_seconds,
    greatest(0, avg(date_part('epoch', now() - job.created))) AS avg_age_seconds
FROM (
    SELECT queued.entrypoint, least(greatest(queued.created, :'earliest'), :'latest') AS created
    FROM :"queue_table" AS queued
    WHERE queued.status = 'queued'
) AS job
GROUP BY job.entrypoint
ORDER BY job.entrypoint;
