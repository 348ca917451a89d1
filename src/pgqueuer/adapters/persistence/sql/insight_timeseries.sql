-- Transitions by minute, entrypoint and status of the last $1, folded or not.
SELECT
    least(greatest(date_trunc('minute', counted.created), :'earliest'), :'latest') AS bucket,
    counted.entrypoint,
    counted.status::text AS status,
    sum(counted.count)::bigint AS count
FROM (
    SELECT total.entrypoint, total.status, total.created, total.count
    FROM :"statistics_table" AS total
    UNION ALL
    SELECT log.entrypoint, log.status, log.created, 1 AS count
    FROM :"queue_table_log" AS log
    WHERE NOT log.aggregated
) AS counted
WHERE counted.created >= now() - $1::interval
GROUP BY bucket, counted.entrypoint, counted.status
ORDER BY bucket, counted.entrypoint, status;
