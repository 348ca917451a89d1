-- Every schedule; the one that has not run for longest first, those that never ran last.
SELECT
    schedule.id, schedule.expression, schedule.heartbeat, schedule.created, schedule.updated,
    schedule.next_run, schedule.last_run, schedule.status::text AS status, schedule.entrypoint
FROM :"schedules_table" AS schedule
ORDER BY schedule.last_run, schedule.id;
