-- Moves each of the schedules $1 from the due time $2 to the next one $4, and picks it for the tick
-- $3; without a tick it is only moved. Whoever comes second finds that $2 holds no longer.
-- One that runs is left alone unless its heartbeat is older than $5; then its worker is taken for
-- dead.
WITH free AS MATERIALIZED (
    SELECT schedule.id, given.due, given.following
    FROM :"schedules_table" AS schedule
    INNER JOIN
        unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
        AS given (id, next_run, due, following)
        ON schedule.id = given.id
        AND least(greatest(schedule.next_run, :'earliest'), :'latest') = given.next_run
    WHERE schedule.next_run <= now()
        AND schedule.paused_next_run IS NULL
        AND (
            coalesce(schedule.status, 'queued') = 'queued'
            OR (
                schedule.status = 'picked'
                AND schedule.heartbeat NOT BETWEEN now() - $5::interval AND now() + interval '1 day'
            )
        )
    ORDER BY schedule.id
    FOR UPDATE OF schedule SKIP LOCKED
),

moved AS (
    UPDATE :"schedules_table" AS schedule
    SET status = CAST(
            CASE WHEN free.due IS NULL THEN 'queued' ELSE 'picked' END AS :"queue_status_type"
        ),
        due = COALESCE(free.due, schedule.due), next_run = free.following,
        heartbeat = now(), updated = now()
    FROM free
    WHERE schedule.id = free.id
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
FROM moved
ORDER BY id;
