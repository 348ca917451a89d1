-- Transitions by second, newest first: at most $1 seconds (NULL: all), of the last $2 (NULL: ever).
-- What is not folded yet, or is being folded right now, is added from the log, so that the counts
-- are those of one moment.
SELECT
    coalesce(folded.count, 0) + coalesce(pending.count, 0) AS count,
    least(greatest(coalesce(folded.created, pending.created), :'earliest'), :'latest') AS created,
    coalesce(folded.entrypoint, pending.entrypoint) AS entrypoint,
    coalesce(folded.priority, pending.priority) AS priority,
    coalesce(folded.status, pending.status)::text AS status
FROM (
    SELECT total.count, total.created, total.entrypoint, total.priority, total.status
    FROM :"statistics_table" AS total
    WHERE $2::interval IS NULL OR total.created >= now() - $2::interval
) AS folded
FULL JOIN (
    SELECT
        count(*) AS count,
        date_trunc('second', log.created) AS created,
        log.entrypoint,
        log.priority,
        log.status
    FROM :"queue_table_log" AS log
    WHERE NOT log.aggregated
        AND ($2::interval IS NULL OR date_trunc('second', log.created) >= now() - $2::interval)
    GROUP BY date_trunc('second', log.created), log.entrypoint, log.priority, log.status
) AS pending
    ON folded.created = pending.created
    AND folded.entrypoint = pending.entrypoint
    AND folded.priority = pending.priority
    AND folded.status = pending.status
ORDER BY created DESC, entrypoint, priority, status
LIMIT $1::bigint;
