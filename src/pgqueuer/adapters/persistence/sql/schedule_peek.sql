-- Every schedule; the one that has not run for longest first, those that never ran last.
SELECT
    schedule.id, schedule.expression, schedule.heartbeat, schedule.created, schedule.updated,
    COALESCE(schedule.paused_next_run, schedule.next_run) AS next_run, schedule.last_run,
    schedule.status::text AS status, schedule.entrypoint, schedule.due,
    schedule.paused_next_run IS NOT NULL AS paused
FROM :"schedules_table" AS schedule
ORDER BY schedule.last_run, schedule.id;
