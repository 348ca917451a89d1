-- Which jobs ended, by the statuses $2, in the next rows of the log after row $1: up to `last`, and
-- there may be `more`. Rows get their ids before they are committed, so that rows may still appear
-- in a gap; up to `settled` there is no gap that is younger than two seconds.
WITH seen AS MATERIALIZED (
    SELECT
        log.id, log.job_id, log.status::text AS status, log.created,
        row_number() OVER (ORDER BY log.id) AS place
    FROM :"queue_table_log" AS log
    WHERE log.id > $1::bigint
    ORDER BY log.id
    LIMIT 10000
),

ended AS (
    SELECT seen.* FROM seen WHERE seen.status = ANY ($2::text[])
)

SELECT
    count(*) = 10000 AS more,
    coalesce(max(seen.id), $1::bigint) AS last,
    coalesce(
        max(seen.id) FILTER (
            WHERE seen.id = $1::bigint + seen.place OR seen.created < now() - interval '2 seconds'
        ),
        $1::bigint
    ) AS settled,
    ARRAY(SELECT ended.job_id FROM ended ORDER BY ended.id) AS job_ids,
    ARRAY(SELECT ended.status FROM ended ORDER BY ended.id) AS statuses
FROM seen;
