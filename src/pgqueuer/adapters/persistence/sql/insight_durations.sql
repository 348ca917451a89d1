-- Seconds from claim to outcome, by entrypoint, of the claims and outcomes of the last $1. An
-- outcome counts when the row before it, of the same job, is its claim.
WITH steps AS (
    SELECT
        log.entrypoint,
        log.status,
        lag(log.status) OVER history AS status_before,
        least(log.created, :'latest') - lag(least(log.created, :'latest')) OVER history
            AS elapsed
    FROM :"queue_table_log" AS log
    WHERE log.created >= now() - $1::interval
    WINDOW history AS (PARTITION BY log.job_id ORDER BY log.id)
),

runs AS (
    SELECT steps.entrypoint, greatest(0, date_part('epoch', steps.elapsed)) AS seconds
    FROM steps
    WHERE steps.status IN ('successful', 'exception', 'canceled', 'failed')
        AND steps.status_before = 'picked'
)

SELECT
    runs.entrypoint,
    count(*) AS completed,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY runs.seconds) AS p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY runs.seconds) AS p95_seconds,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY runs.seconds) AS p99_seconds,
    max(runs.seconds) AS max_seconds
FROM runs
GROUP BY runs.entrypoint
ORDER BY runs.entrypoint;
