-- Claims as claim.sql does, where entrypoint $2[i] has the limit $4[i] (0: none).
-- A limited entrypoint has the seats 0 … limit - 1. Each claim takes a free seat, and the unique
-- index on (entrypoint, slot) makes the limit exact whatever snapshots the claimers see; the
-- advisory lock only keeps two claimers from reaching for one seat, which would cost an error.
-- Picked rows without a seat (from before the limit was declared) count too. Of the first seats, as
-- many as are held and wanted, enough are free; the others are not looked at, however many there are.
WITH served AS MATERIALIZED (
    SELECT
        terms.entrypoint, terms.seats,
        pg_stat_get_xact_tuples_returned(to_regclass(:'backlog_index_regclass')) AS scanned
    FROM unnest((SELECT $2::text[]), (SELECT $4::int[])) AS terms (entrypoint, seats)
    WHERE terms.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
        AND (
            terms.seats = 0
            OR pg_try_advisory_xact_lock(
                hashtextextended(:'queue_table' || '/' || terms.entrypoint, 0)
            )
        )
),

taken AS MATERIALIZED (
    SELECT job.entrypoint, job.slot
    FROM :"queue_table" AS job
    WHERE job.status = 'picked'
        AND job.entrypoint = ANY (
            ARRAY(SELECT served.entrypoint FROM served WHERE served.seats > 0)
        )
),

room AS MATERIALIZED (
    SELECT
        served.entrypoint,
        served.seats,
        CASE
            WHEN served.seats = 0 THEN (SELECT $1::bigint)
            ELSE least((SELECT $1::bigint), served.seats - holders.number)
        END AS places,
        holders.number AS held
    FROM served
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM taken WHERE taken.entrypoint = served.entrypoint
    ) AS holders
),

front AS MATERIALIZED (
    SELECT head.entrypoint
    FROM room
    CROSS JOIN LATERAL (
        SELECT bounded.entrypoint, bounded.priority, bounded.id
        FROM (
            SELECT job.entrypoint, job.priority, job.id
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = room.entrypoint
                AND (job.execute_after <= now()) IS TRUE
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
        ) AS bounded
        LIMIT greatest(room.places, 0)
    ) AS head
    ORDER BY head.priority DESC, head.id
    LIMIT (SELECT $1::int)
),

candidates AS MATERIALIZED (
    SELECT
        locked.id,
        room.entrypoint,
        room.seats,
        CAST(row_number() OVER (
            PARTITION BY room.entrypoint ORDER BY locked.priority DESC, locked.id
        ) AS int) AS place
    FROM room
    CROSS JOIN LATERAL (
        SELECT bounded.id, bounded.priority
        FROM (
            SELECT job.id, job.priority
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = room.entrypoint
                AND (job.execute_after <= now()) IS TRUE
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        ) AS bounded
        LIMIT CASE
            WHEN cardinality((SELECT $2::text[])) = 1 THEN greatest(room.places, 0)
            ELSE (SELECT count(*) FROM front WHERE front.entrypoint = room.entrypoint)
        END
    ) AS locked
),

free_seats AS MATERIALIZED (
    SELECT
        room.entrypoint,
        ARRAY(
            SELECT number FROM generate_series(0, room.places + room.held - 1) AS seats (number)
            EXCEPT
            SELECT taken.slot FROM taken WHERE taken.entrypoint = room.entrypoint
            ORDER BY number
        ) AS numbers
    FROM room
    WHERE room.seats > 0 AND room.places > 0
),

seated AS MATERIALIZED (
    SELECT candidates.id, free_seats.numbers[candidates.place] AS seat
    FROM candidates
    LEFT JOIN free_seats USING (entrypoint)
    WHERE candidates.seats = 0 OR free_seats.numbers[candidates.place] IS NOT NULL
),

claimed AS (
    UPDATE :"queue_table" AS job
    SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $3::uuid,
        slot = seated.seat
    FROM seated
    WHERE job.id = seated.id
        AND job.id = ANY (ARRAY(SELECT seated.id FROM seated))
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
