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
        ON schedule.id = given.id AND schedule.next_run = given.next_run
    WHERE schedule.next_run <= now()
        AND schedule.paused_next_run IS NULL
        AND (
            schedule.status = 'queued'
            OR (schedule.status = 'picked' AND schedule.heartbeat < now() - $5::interval)
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
    id, expression, heartbeat, created, updated, next_run, last_run, status::text AS status,
    entrypoint, due, false AS paused
FROM moved
ORDER BY id;
