-- Claims up to $1 eligible jobs of the one entrypoint $2, which has no limit, for worker $3: what
-- claim.sql does for several, without what only several need. See there for the form of its parts.
-- The question for `scanned` comes before the scan, as that waits for the answer; without an answer
-- the entrypoint is paused.
WITH front AS MATERIALIZED (
    SELECT pg_stat_get_xact_tuples_returned(to_regclass(:'backlog_index_regclass')) AS scanned
    WHERE NOT EXISTS (
        SELECT FROM :"pauses_table" AS pause WHERE pause.entrypoint = (SELECT $2::text)
    )
),

candidates AS MATERIALIZED (
    SELECT bounded.place
    FROM (
        SELECT job.ctid AS place
        FROM :"queue_table" AS job
        WHERE job.status = 'queued'
            AND job.entrypoint = (SELECT $2::text)
            AND (job.execute_after <= now()) IS TRUE
            AND job.takeovers < 2
            AND (SELECT front.scanned FROM front) IS NOT NULL
        ORDER BY job.priority DESC, job.id
        LIMIT 1000
        FOR UPDATE SKIP LOCKED
    ) AS bounded
    LIMIT (SELECT $1::int)
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
    ON CONFLICT (priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint)
    DO UPDATE SET count = total.count + excluded.count
)

SELECT
    id, priority, least(greatest(created, :'earliest'), :'latest') AS created,
    updated, heartbeat, least(greatest(execute_after, :'earliest'), :'latest') AS execute_after,
    status::text AS status, entrypoint, payload, attempts, queue_manager_id, slot, headers,
    (
        SELECT
            pg_stat_get_xact_tuples_returned(to_regclass(:'backlog_index_regclass'))
            - front.scanned
        FROM front
        WHERE (SELECT count(*) FROM claimed) > 0
    ) AS scanned
FROM claimed
ORDER BY priority DESC, id;
