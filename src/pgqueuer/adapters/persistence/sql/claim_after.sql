-- Claims as claim_limited.sql does, but of entrypoint $2[i] only what has a higher priority than
-- $5[i], or this priority and an id above $6[i], or a lower priority. So it does not look again at
-- what stands before: jobs that are not due, or dead rows that an old snapshot keeps.
-- An entrypoint whose place is not known (the lowest priority) is left out while nothing of it is due.
-- The three parts of `front` are in order as they stand; a sort would read a thousand rows of each.
-- The array of one entrypoint, and the order by it, keep the planner from the primary key: with that
-- it would read the jobs of all other entrypoints.
WITH served AS MATERIALIZED (
    SELECT terms.entrypoint, terms.seats, terms.priority, terms.id
    FROM unnest(
        (SELECT $2::text[]), (SELECT $4::int[]), (SELECT $5::int[]), (SELECT $6::bigint[])
    )
        AS terms (entrypoint, seats, priority, id)
    WHERE terms.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
        AND (
            terms.priority > -2147483648
            OR (
                SELECT job.id
                FROM :"queue_table" AS job
                WHERE job.status = 'queued'
                    AND job.entrypoint = terms.entrypoint
                    AND job.execute_after <= now()
                ORDER BY job.execute_after
                LIMIT 1
            ) IS NOT NULL
        )
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
        served.priority,
        served.id,
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
        SELECT room.entrypoint, bounded.priority, bounded.id
        FROM (
            (
                SELECT job.priority, job.id
                FROM :"queue_table" AS job
                WHERE job.status = 'queued'
                    AND job.entrypoint = room.entrypoint
                    AND job.priority > room.priority
                    AND (job.execute_after <= now()) IS TRUE
                    AND job.takeovers < 2
                ORDER BY job.priority DESC, job.id
                LIMIT 1000
            )
            UNION ALL
            (
                SELECT job.priority, job.id
                FROM :"queue_table" AS job
                WHERE job.status = 'queued'
                    AND job.entrypoint = ANY (ARRAY[room.entrypoint])
                    AND job.priority = room.priority
                    AND job.id > room.id
                    AND (job.execute_after <= now()) IS TRUE
                    AND job.takeovers < 2
                ORDER BY job.entrypoint, job.priority DESC, job.id
                LIMIT 1000
            )
            UNION ALL
            (
                SELECT job.priority, job.id
                FROM :"queue_table" AS job
                WHERE job.status = 'queued'
                    AND job.entrypoint = room.entrypoint
                    AND job.priority < room.priority
                    AND (job.execute_after <= now()) IS TRUE
                    AND job.takeovers < 2
                ORDER BY job.priority DESC, job.id
                LIMIT 1000
            )
        ) AS bounded
        LIMIT greatest(room.places, 0)
    ) AS head
    ORDER BY head.priority DESC, head.id
    LIMIT (SELECT $1::int)
),

quota AS MATERIALIZED (
    SELECT
        room.*,
        CASE
            WHEN cardinality((SELECT $2::text[])) = 1 THEN greatest(room.places, 0)
            ELSE (SELECT count(*) FROM front WHERE front.entrypoint = room.entrypoint)
        END AS jobs
    FROM room
),

above AS MATERIALIZED (
    SELECT quota.entrypoint, quota.seats, locked.priority, locked.id
    FROM quota
    CROSS JOIN LATERAL (
        SELECT bounded.priority, bounded.id
        FROM (
            SELECT job.priority, job.id
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = quota.entrypoint
                AND job.priority > quota.priority
                AND (job.execute_after <= now()) IS TRUE
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        ) AS bounded
        LIMIT quota.jobs
    ) AS locked
),

beside AS MATERIALIZED (
    SELECT quota.entrypoint, quota.seats, locked.priority, locked.id
    FROM quota
    CROSS JOIN LATERAL (
        SELECT bounded.priority, bounded.id
        FROM (
            SELECT job.priority, job.id
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = ANY (ARRAY[quota.entrypoint])
                AND job.priority = quota.priority
                AND job.id > quota.id
                AND (job.execute_after <= now()) IS TRUE
                AND job.takeovers < 2
            ORDER BY job.entrypoint, job.priority DESC, job.id
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        ) AS bounded
        LIMIT quota.jobs - (
            SELECT count(*) FROM above WHERE above.entrypoint = quota.entrypoint
        )
    ) AS locked
),

below AS MATERIALIZED (
    SELECT quota.entrypoint, quota.seats, locked.priority, locked.id
    FROM quota
    CROSS JOIN LATERAL (
        SELECT bounded.priority, bounded.id
        FROM (
            SELECT job.priority, job.id
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = quota.entrypoint
                AND job.priority < quota.priority
                AND (job.execute_after <= now()) IS TRUE
                AND job.takeovers < 2
            ORDER BY job.priority DESC, job.id
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        ) AS bounded
        LIMIT quota.jobs - (
            SELECT count(*)
            FROM (SELECT above.entrypoint FROM above UNION ALL SELECT beside.entrypoint FROM beside)
                AS taken
            WHERE taken.entrypoint = quota.entrypoint
        )
    ) AS locked
),

candidates AS MATERIALIZED (
    SELECT
        locked.id,
        locked.entrypoint,
        locked.seats,
        CAST(row_number() OVER (
            PARTITION BY locked.entrypoint ORDER BY locked.priority DESC, locked.id
        ) AS int) AS place
    FROM (
        SELECT * FROM above
        UNION ALL
        SELECT * FROM beside
        UNION ALL
        SELECT * FROM below
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
    status::text AS status, entrypoint, payload, attempts, queue_manager_id, slot, headers
FROM claimed
ORDER BY priority DESC, id;
