-- Deletes what is older than $1 of the $2 log rows (5,000 at most) that follow id $3.
-- The history of a job that ended goes as a whole, when its newest row is old enough. Of a job that
-- is still in the queue the newest row always stays. Rows that no fold has counted yet are counted
-- here. Rows that someone else is changing are left for the next pass.
-- With $4 nothing is done while another caller that said so too is at it; with $5 rows are counted
-- but stay. `last` is the id to go on from, NULL when no later row can be old: rows come by id, and
-- ids follow time but for the length of a transaction, so a batch without an old row is the end.
-- The LIMIT is a literal and the ids are arrays to keep the planner's fears, and JIT, small.
WITH turn AS MATERIALIZED (
    SELECT
        CASE
            WHEN $4::boolean
                THEN pg_try_advisory_xact_lock(
                    hashtextextended(
                        'pgqueuer.prune', :'queue_table_log_regclass'::regclass::oid::bigint
                    )
                )
            ELSE TRUE
        END AS mine
),

examined AS MATERIALIZED (
    SELECT bounded.id, bounded.job_id, bounded.created < now() - $1::interval AS old
    FROM (
        SELECT log.id, log.job_id, log.created
        FROM :"queue_table_log" AS log
        WHERE log.id > $3::bigint AND (SELECT turn.mine FROM turn)
        ORDER BY log.id
        LIMIT 5000
    ) AS bounded
    LIMIT $2::int
),

jobs AS MATERIALIZED (
    SELECT newest.job_id, newest.id AS newest_id, newest.created < now() - $1::interval AS old
    FROM (SELECT DISTINCT examined.job_id FROM examined WHERE examined.old) AS concerned
    CROSS JOIN LATERAL (
        SELECT log.job_id, log.id, log.created
        FROM :"queue_table_log" AS log
        WHERE log.job_id = concerned.job_id
        ORDER BY log.created DESC, log.id DESC
        LIMIT 1
    ) AS newest
),

alive AS MATERIALIZED (
    SELECT job.id
    FROM :"queue_table" AS job
    WHERE job.id = ANY (ARRAY(SELECT jobs.job_id FROM jobs))
),

gone AS MATERIALIZED (
    SELECT log.id
    FROM :"queue_table_log" AS log
    WHERE log.id = ANY (
        ARRAY(
            SELECT examined.id
            FROM examined
            INNER JOIN jobs USING (job_id)
            LEFT JOIN alive ON alive.id = examined.job_id
            WHERE examined.old
                AND CASE
                    WHEN alive.id IS NULL THEN jobs.old
                    ELSE examined.id < jobs.newest_id
                END
        )
    )
    FOR UPDATE OF log SKIP LOCKED
),

deleted AS (
    DELETE FROM :"queue_table_log" AS log
    WHERE log.id = ANY (ARRAY(SELECT gone.id FROM gone WHERE NOT $5::boolean))
    RETURNING log.created, log.entrypoint, log.priority, log.status, log.aggregated
),

folded AS (
    INSERT INTO :"statistics_table" AS total (count, created, entrypoint, priority, status)
    SELECT
        count(*),
        date_trunc('second', deleted.created) AS second,
        deleted.entrypoint,
        deleted.priority,
        deleted.status
    FROM deleted
    WHERE NOT deleted.aggregated
    GROUP BY second, deleted.entrypoint, deleted.priority, deleted.status
    ORDER BY second, deleted.entrypoint, deleted.priority, deleted.status
    ON CONFLICT (priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint)
    DO UPDATE SET count = total.count + excluded.count
)

SELECT
    (SELECT count(*) FROM gone) AS deleted,
    (
        SELECT max(examined.id)
        FROM examined
        HAVING bool_or(examined.old) AND count(*) >= $2::int
    ) AS last;
