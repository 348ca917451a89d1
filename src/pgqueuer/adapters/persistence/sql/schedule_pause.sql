-- Pauses the schedules with the ids $1 and those of the entrypoints $2. Workers of 1.x know nothing
-- of pauses, so the schedule is also due at a time that none of them sees.
UPDATE :"schedules_table" AS schedule
SET paused_next_run = COALESCE(schedule.paused_next_run, schedule.next_run),
    next_run = '9000-01-01 00:00:00+00', updated = now()
WHERE schedule.id = ANY ($1::bigint[]) OR schedule.entrypoint = ANY ($2::text[]);
