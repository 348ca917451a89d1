-- Picks the due ones of the schedules (expression, entrypoint), and makes each due again after its
-- delay. A schedule that runs is left alone unless its heartbeat is older than $4; then its worker
-- is taken for dead, and the tick that is due now is picked, not the one that was lost.
-- A delay that ends where this very tick began was reckoned before the tick: picking would run the
-- tick twice, so the caller has to ask again. Half a second is half of the finest cron step.
WITH due AS MATERIALIZED (
    SELECT schedule.id, schedule.next_run, wanted.delay
    FROM :"schedules_table" AS schedule
    INNER JOIN unnest($1::text[], $2::text[], $3::interval[])
        AS wanted (expression, entrypoint, delay)
        USING (expression, entrypoint)
    WHERE schedule.next_run <= now()
        AND schedule.paused_next_run IS NULL
        AND (
            coalesce(schedule.status, 'queued') = 'queued'
            OR (
                schedule.status = 'picked'
                AND schedule.heartbeat NOT BETWEEN now() - $4::interval AND now() + interval '1 day'
            )
        )
        AND (
            wanted.delay <= interval '0'
            OR now() + wanted.delay > schedule.next_run + interval '500 milliseconds'
        )
    ORDER BY schedule.id
    FOR UPDATE OF schedule SKIP LOCKED
),

picked AS (
    UPDATE :"schedules_table" AS schedule
    SET status = 'picked', due = due.next_run, next_run = now() + due.delay, heartbeat = now(),
        updated = now()
    FROM due
    WHERE schedule.id = due.id
    RETURNING schedule.*
)

SELECT
    id, expression, heartbeat, least(greatest(created, :'earliest'), now()) AS created, updated,
    least(greatest(next_run, :'earliest'), :'latest') AS next_run,
    CASE
        WHEN last_run IS NOT NULL
            THEN least(greatest(last_run, :'earliest'), :'latest')
    END AS last_run,
    status::text AS status, entrypoint,
    CASE
        WHEN due IS NOT NULL
            THEN least(greatest(due, :'earliest'), :'latest')
    END AS due,
    false AS paused
FROM picked
ORDER BY id;
