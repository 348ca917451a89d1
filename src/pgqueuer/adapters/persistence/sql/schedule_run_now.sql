-- Makes the schedules with the ids $1 and those of the entrypoints $2 due at once; those that are
-- paused stay so. What they run next is this tick; the ones after it follow their expression.
UPDATE :"schedules_table" AS schedule
SET next_run = now(), updated = now()
WHERE (schedule.id = ANY ($1::bigint[]) OR schedule.entrypoint = ANY ($2::text[]))
    AND schedule.paused_next_run IS NULL
    AND schedule.next_run > now();
