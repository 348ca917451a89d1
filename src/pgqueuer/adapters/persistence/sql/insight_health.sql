-- Seconds that the oldest ready job waits and the most silent picked job is silent, by entrypoint.
SELECT
    job.entrypoint,
    greatest(0, date_part('epoch', now() - min(job.ready_at))) AS waiting_seconds,
    greatest(0, date_part('epoch', now() - min(job.heard_at))) AS silent_seconds
FROM (
    SELECT
        live.entrypoint,
        CASE
            WHEN live.status = 'queued' AND live.execute_after <= now()
                THEN least(greatest(live.created, live.execute_after, :'earliest'), :'latest')
        END AS ready_at,
        CASE
            WHEN live.status = 'picked' THEN least(greatest(live.heartbeat, :'earliest'), :'latest')
        END AS heard_at
    FROM :"queue_table" AS live
    WHERE live.status IN ('queued', 'picked')
) AS job
GROUP BY job.entrypoint
ORDER BY job.entrypoint;
