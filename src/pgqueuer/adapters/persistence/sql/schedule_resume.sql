-- Resumes the schedules with the ids $1 and those of the entrypoints $2, due as they were.
UPDATE :"schedules_table" AS schedule
SET next_run = schedule.paused_next_run, paused_next_run = NULL, updated = now()
WHERE (schedule.id = ANY ($1::bigint[]) OR schedule.entrypoint = ANY ($2::text[]))
    AND schedule.paused_next_run IS NOT NULL;
