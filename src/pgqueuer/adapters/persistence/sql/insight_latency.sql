-- How long jobs waited and ran, in seconds, by steps of $2, of the claims and outcomes of the last
-- $1. A run counts in the step of its outcome when the row before it, of the same job, is its
-- claim; a wait in the step of its claim when the row before it is the enqueueing.
WITH steps AS (
    SELECT
        least(log.created, :'latest') AS created,
        log.status,
        lag(log.status) OVER history AS status_before,
        least(log.created, :'latest') - lag(least(log.created, :'latest')) OVER history
            AS elapsed
    FROM :"queue_table_log" AS log
    WHERE log.created >= now() - $1::interval
    WINDOW history AS (PARTITION BY log.job_id ORDER BY log.id)
),

spans AS (
    SELECT
        date_bin($2::interval, steps.created, 'epoch'::timestamptz) AS bucket,
        steps.status = 'picked' AS waited,
        greatest(0, date_part('epoch', steps.elapsed)) AS seconds
    FROM steps
    WHERE (steps.status = 'picked' AND steps.status_before = 'queued')
        OR (
            steps.status IN ('successful', 'exception', 'canceled', 'failed')
            AND steps.status_before = 'picked'
        )
)

SELECT
    spans.bucket,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY spans.seconds)
        FILTER (WHERE spans.waited) AS wait_p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY spans.seconds)
        FILTER (WHERE spans.waited) AS wait_p95_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY spans.seconds)
        FILTER (WHERE NOT spans.waited) AS run_p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY spans.seconds)
        FILTER (WHERE NOT spans.waited) AS run_p95_seconds
FROM spans
GROUP BY spans.bucket
ORDER BY spans.bucket;
