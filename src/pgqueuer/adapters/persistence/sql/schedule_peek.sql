-- Every schedule; the one that has not run for longest first, those that never ran last.
-- What was written was written before now: a later time is not true, and workers reckon with it. A
-- heartbeat of tomorrow is none.
SELECT
    schedule.id, schedule.expression,
    CASE
        WHEN schedule.heartbeat < now() + interval '1 day'
            THEN least(greatest(schedule.heartbeat, :'earliest'), now())
        ELSE :'earliest'
    END AS heartbeat,
    least(greatest(schedule.created, :'earliest'), now()) AS created,
    least(greatest(schedule.updated, :'earliest'), now()) AS updated,
    least(
        greatest(COALESCE(schedule.paused_next_run, schedule.next_run), :'earliest'), :'latest'
    ) AS next_run,
    CASE
        WHEN schedule.last_run IS NOT NULL
            THEN least(greatest(schedule.last_run, :'earliest'), :'latest')
    END AS last_run,
    COALESCE(schedule.status, 'queued')::text AS status, schedule.entrypoint,
    CASE
        WHEN schedule.due IS NOT NULL
            THEN least(greatest(schedule.due, :'earliest'), :'latest')
    END AS due,
    schedule.paused_next_run IS NOT NULL AS paused
FROM :"schedules_table" AS schedule
ORDER BY schedule.last_run, schedule.id;
