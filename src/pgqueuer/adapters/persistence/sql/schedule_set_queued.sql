-- Ends the run of the schedules $1.
UPDATE :"schedules_table" AS schedule
SET status = 'queued', last_run = now(), updated = now()
WHERE schedule.id = ANY ($1::bigint[]);
