-- Where claims may start in those of the entrypoints $1 where 5,000 jobs or more stand before the
-- first that is due: just before that one, or, if none is due, behind all that is there now. A claim
-- from the front would read all that are not due to find it. By `execute_after` only those that are due
-- are read; where they are more than 50,000, or less than 5,000 are not due, the entrypoint is left out.
SELECT
    given.entrypoint,
    coalesce(-due.first[1], beyond.priority) AS priority,
    coalesce(due.first[2] - 1, (SELECT max(job.id) FROM :"queue_table" AS job)) AS id
FROM unnest($1::text[]) AS given (entrypoint)
CROSS JOIN LATERAL (
    SELECT count(*) AS number
    FROM (
        SELECT
        FROM :"queue_table" AS job
        WHERE job.status = 'queued'
            AND job.entrypoint = given.entrypoint
            AND job.execute_after > now()
        ORDER BY job.execute_after
        LIMIT 5000
    ) AS bounded
) AS later
CROSS JOIN LATERAL (
    SELECT
        count(*) AS number,
        min(ARRAY[-bounded.priority::bigint, bounded.id]) AS first
    FROM (
        SELECT job.priority, job.id
        FROM :"queue_table" AS job
        WHERE later.number = 5000
            AND job.status = 'queued'
            AND job.entrypoint = given.entrypoint
            AND job.execute_after <= now()
            AND job.takeovers < 2
        ORDER BY job.execute_after
        LIMIT 50001
    ) AS bounded
) AS due
CROSS JOIN LATERAL (
    SELECT job.priority, job.id
    FROM :"queue_table" AS job
    WHERE due.number <= 50000
        AND job.status = 'queued'
        AND job.entrypoint = given.entrypoint
    ORDER BY job.priority DESC, job.id
    OFFSET 5000
    LIMIT 1
) AS beyond
WHERE later.number = 5000
    AND (due.number = 0 OR ARRAY[-beyond.priority::bigint, beyond.id] < due.first);
