-- Counts up to 10,000 log rows that are not in the statistics yet, and flags them, at once.
-- A row that someone else is folding is skipped, so that no transition is counted twice. With $1
-- nothing is done while another caller that said so too is folding. The buckets are written in one
-- order by all, so that two folds never wait for each other in a circle.
-- The LIMIT is a literal and the ids are an array to keep the planner's fears, and JIT, small.
WITH turn AS MATERIALIZED (
    SELECT
        CASE
            WHEN $1::boolean
                THEN pg_try_advisory_xact_lock(
                    hashtextextended(
                        'pgqueuer.fold', :'statistics_table_regclass'::regclass::oid::bigint
                    )
                )
            ELSE TRUE
        END AS mine
),

batch AS MATERIALIZED (
    SELECT log.id
    FROM :"queue_table_log" AS log
    WHERE NOT log.aggregated AND (SELECT turn.mine FROM turn)
    LIMIT 10000
    FOR UPDATE OF log SKIP LOCKED
),

flagged AS (
    UPDATE :"queue_table_log" AS log
    SET aggregated = TRUE
    WHERE log.id = ANY (ARRAY(SELECT batch.id FROM batch))
    RETURNING log.created, log.entrypoint, log.priority, log.status
),

folded AS (
    INSERT INTO :"statistics_table" AS total (count, created, entrypoint, priority, status)
    SELECT
        count(*),
        date_trunc('second', flagged.created) AS second,
        flagged.entrypoint,
        flagged.priority,
        flagged.status
    FROM flagged
    GROUP BY second, flagged.entrypoint, flagged.priority, flagged.status
    ORDER BY second, flagged.entrypoint, flagged.priority, flagged.status
    ON CONFLICT (priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint)
    DO UPDATE SET count = total.count + excluded.count
)

SELECT count(*) AS folded FROM flagged;
