-- 1 if any job of the entrypoints $1 is queued, deferred ones included, and not paused; else 0.
-- See outlook.sql for the order.
SELECT EXISTS (
    SELECT
    FROM unnest($1::text[]) AS served (entrypoint)
    CROSS JOIN LATERAL (
        SELECT job.id
        FROM :"queue_table" AS job
        WHERE job.status = 'queued' AND job.entrypoint = served.entrypoint
        ORDER BY job.priority DESC, job.id
        LIMIT 1
    ) AS found
    WHERE served.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
)::int AS found;
