-- Claims up to $1 eligible jobs of the entrypoints $2 for worker $3, none of which has a limit.
-- With several entrypoints, the unlocked front of the backlog decides how many each may give, so
-- that no more rows are locked than are claimed. The literal LIMIT bounds what the planner fears
-- of a LIMIT $1, which would turn JIT on; a request for more is served by claiming again.
-- The array of ids makes the planner look rows up by key, where a join may read the whole table.
-- Suspects, taken over twice or more, are left to claim_suspect.sql.
WITH front AS MATERIALIZED (
    SELECT head.entrypoint
    FROM unnest($2::text[]) AS served (entrypoint)
    CROSS JOIN LATERAL (
        SELECT bounded.entrypoint, bounded.priority, bounded.id
        FROM (
            SELECT job.entrypoint, job.priority, job.id
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = served.entrypoint
                AND job.execute_after <= now()
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
        ) AS bounded
        LIMIT $1::int
    ) AS head
    ORDER BY head.priority DESC, head.id
    LIMIT $1::int
),

candidates AS MATERIALIZED (
    SELECT locked.place
    FROM unnest($2::text[]) AS served (entrypoint)
    CROSS JOIN LATERAL (
        SELECT bounded.place
        FROM (
            SELECT job.ctid AS place
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = served.entrypoint
                AND job.execute_after <= now()
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        ) AS bounded
        LIMIT CASE
            WHEN cardinality($2::text[]) = 1 THEN $1::int
            ELSE (SELECT count(*) FROM front WHERE front.entrypoint = served.entrypoint)
        END
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
    id, priority, created, updated, heartbeat, execute_after, status::text AS status, entrypoint,
    payload, attempts, queue_manager_id, slot, headers
FROM claimed
ORDER BY priority DESC, id;
