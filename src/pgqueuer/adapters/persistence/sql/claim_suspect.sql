-- Claims one suspect, a job taken over twice or more, of the entrypoints $1 with the limits $3
-- (0: none) for worker $2.
WITH taken AS MATERIALIZED (
    SELECT job.entrypoint, job.slot
    FROM :"queue_table" AS job
    WHERE job.status = 'picked'
        AND job.entrypoint = ANY ($1::text[])
),

candidate AS MATERIALIZED (
    SELECT job.id, free.seat
    FROM unnest((SELECT $1::text[]), (SELECT $3::int[])) AS terms (entrypoint, seats)
    CROSS JOIN LATERAL (
        SELECT min(number.seat) AS seat
        FROM (
            SELECT count(*) AS number FROM taken WHERE taken.entrypoint = terms.entrypoint
        ) AS held
        CROSS JOIN LATERAL (
            SELECT number FROM generate_series(0, held.number) AS seats (number)
            EXCEPT
            SELECT taken.slot FROM taken WHERE taken.entrypoint = terms.entrypoint
        ) AS number (seat)
        WHERE terms.seats > held.number
    ) AS free
    INNER JOIN :"queue_table" AS job ON job.entrypoint = terms.entrypoint
    WHERE job.status = 'queued'
        AND job.takeovers >= 2
        AND job.execute_after <= now()
        AND (terms.seats = 0 OR free.seat IS NOT NULL)
        AND terms.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
    ORDER BY job.priority DESC, job.id
    LIMIT 1
    FOR UPDATE OF job SKIP LOCKED
),

claimed AS (
    UPDATE :"queue_table" AS job
    SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $2::uuid,
        slot = candidate.seat
    FROM candidate
    WHERE job.id = candidate.id
    RETURNING job.*
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT claimed.id, claimed.status, claimed.entrypoint, claimed.priority FROM claimed
)

SELECT
    id, priority, least(greatest(created, :'earliest'), :'latest') AS created,
    updated, heartbeat, least(greatest(execute_after, :'earliest'), :'latest') AS execute_after,
    status::text AS status, entrypoint, payload, attempts, queue_manager_id, slot, headers
FROM claimed;
