-- Deletes what is older than $1 of the $2 statistics rows (5,000 at most) that follow id $3.
-- With $4 nothing is done while another caller that said so too is at it; with $5 rows are counted
-- but stay. `last` is the id to go on from, NULL when no later row can be old; see prune_log.sql.
WITH turn AS MATERIALIZED (
    SELECT
        CASE
            WHEN $4::boolean
                THEN pg_try_advisory_xact_lock(
                    hashtextextended(
                        'pgqueuer.prune', :'statistics_table_regclass'::regclass::oid::bigint
                    )
                )
            ELSE TRUE
        END AS mine
),

examined AS MATERIALIZED (
    SELECT bounded.id, bounded.created < now() - $1::interval AS old
    FROM (
        SELECT total.id, total.created
        FROM :"statistics_table" AS total
        WHERE total.id > $3::bigint AND (SELECT turn.mine FROM turn)
        ORDER BY total.id
        LIMIT 5000
    ) AS bounded
    LIMIT $2::int
),

gone AS MATERIALIZED (
    SELECT total.id
    FROM :"statistics_table" AS total
    WHERE total.id = ANY (ARRAY(SELECT examined.id FROM examined WHERE examined.old))
    FOR UPDATE OF total SKIP LOCKED
),

deleted AS (
    DELETE FROM :"statistics_table" AS total
    WHERE total.id = ANY (ARRAY(SELECT gone.id FROM gone WHERE NOT $5::boolean))
)

SELECT
    (SELECT count(*) FROM gone) AS deleted,
    (
        SELECT max(examined.id)
        FROM examined
        HAVING bool_or(examined.old) AND count(*) >= $2::int
    ) AS last;
