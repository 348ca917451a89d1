-- Claims up to $1 eligible jobs of the entrypoints $2 for worker $3, none of which has a limit; a
-- single one is served by claim_one_entrypoint.sql. The unlocked front of the backlog decides how
-- many each may give, so that no more rows are locked than are claimed. The literal LIMIT bounds
-- what the planner fears of a LIMIT $1, which would turn JIT on; a request for more is served by
-- claiming again.
-- `IS TRUE` keeps the planner from the index by `execute_after`: with that it would read and sort
-- the whole backlog of an entrypoint that it believes to be small.
-- The array of ids makes the planner look rows up by key, where a join may read the whole table.
-- `scanned` tells how many index entries were read to find the jobs: it is far more than the jobs
-- where others stand before them that are not due, or dead rows that an old snapshot keeps.
-- Suspects, taken over twice or more, are left to claim_suspect.sql.
WITH served AS MATERIALIZED (
    SELECT
        given.entrypoint,
        pg_stat_get_xact_tuples_returned(to_regclass(:'backlog_index_regclass')) AS scanned
    FROM unnest((SELECT $2::text[])) AS given (entrypoint)
    WHERE given.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
),

front AS MATERIALIZED (
    SELECT head.entrypoint
    FROM served
    CROSS JOIN LATERAL (
        SELECT bounded.entrypoint, bounded.priority, bounded.id
        FROM (
            SELECT job.entrypoint, job.priority, job.id
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = served.entrypoint
                AND (job.execute_after <= now()) IS TRUE
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
        ) AS bounded
        LIMIT (SELECT $1::int)
    ) AS head
    ORDER BY head.priority DESC, head.id
    LIMIT (SELECT $1::int)
),

candidates AS MATERIALIZED (
    SELECT locked.place
    FROM served
    CROSS JOIN LATERAL (
        SELECT bounded.place
        FROM (
            SELECT job.ctid AS place
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = served.entrypoint
                AND (job.execute_after <= now()) IS TRUE
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        ) AS bounded
        LIMIT (SELECT count(*) FROM front WHERE front.entrypoint = served.entrypoint)
    ) AS locked
),

claimed AS (
    UPDATE :"queue_table" AS job
    SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $3::uuid,
        slot = NULL
    WHERE job.ctid = ANY (ARRAY(SELECT candidates.place FROM candidates))
    RETURNING job.*
),

turn AS MATERIALIZED (
    SELECT
        pg_try_advisory_xact_lock(
            hashtextextended(
                'pgqueuer.count.picked', :'statistics_table_regclass'::regclass::oid::bigint
            )
        ) AS mine
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority, aggregated)
    SELECT
        claimed.id, claimed.status, claimed.entrypoint, claimed.priority,
        (SELECT turn.mine FROM turn)
    FROM claimed
    WHERE :'log_claims'::boolean OR NOT (SELECT turn.mine FROM turn)
),

counted AS (
    INSERT INTO :"statistics_table" AS total (count, created, entrypoint, priority, status)
    SELECT
        count(*), date_trunc('second', now()), claimed.entrypoint, claimed.priority, 'picked'
    FROM claimed
    WHERE (SELECT turn.mine FROM turn)
    GROUP BY claimed.entrypoint, claimed.priority
    ORDER BY claimed.entrypoint, claimed.priority
    ON CONFLICT (priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint)
    DO UPDATE SET count = total.count + excluded.count
)

SELECT
    id, priority, least(greatest(created, :'earliest'), :'latest') AS created,
    updated, heartbeat, least(greatest(execute_after, :'earliest'), :'latest') AS execute_after,
    status::text AS status, entrypoint, payload, attempts, queue_manager_id, slot, headers,
    scan.scanned
FROM claimed
CROSS JOIN (
    SELECT
        pg_stat_get_xact_tuples_returned(to_regclass(:'backlog_index_regclass'))
        - (SELECT min(served.scanned) FROM served) AS scanned
    WHERE (SELECT count(*) FROM claimed) > 0
) AS scan
ORDER BY priority DESC, id;
