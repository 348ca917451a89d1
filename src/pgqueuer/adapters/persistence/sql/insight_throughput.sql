-- Transitions by entrypoint and status of the last $1 (NULL: ever), folded or not.
SELECT
    counted.entrypoint,
    counted.status::text AS status,
    sum(counted.count)::bigint AS total_count
FROM (
    SELECT total.entrypoint, total.status, total.created, total.count
    FROM :"statistics_table" AS total
    UNION ALL
    SELECT log.entrypoint, log.status, log.created, 1 AS count
    FROM :"queue_table_log" AS log
    WHERE NOT log.aggregated
) AS counted
WHERE $1::interval IS NULL OR counted.created >= now() - $1::interval
GROUP BY counted.entrypoint, counted.status
ORDER BY counted.entrypoint, status;
