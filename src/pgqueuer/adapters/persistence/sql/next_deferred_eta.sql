-- Time until the next deferred job of the entrypoints $1 is due; NULL if there is none. Paused
-- entrypoints do not count.
SELECT min(least(due.execute_after, :'latest')) - now() AS eta
FROM unnest($1::text[]) AS served (entrypoint)
CROSS JOIN LATERAL (
    SELECT job.execute_after
    FROM :"queue_table" AS job
    WHERE job.status = 'queued'
        AND job.entrypoint = served.entrypoint
        AND job.execute_after > now()
    ORDER BY job.execute_after
    LIMIT 1
) AS due
WHERE served.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause));
