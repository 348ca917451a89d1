-- Tells that the schedules $1 are still running.
UPDATE :"schedules_table" AS schedule
SET heartbeat = now(), updated = now()
WHERE schedule.id = ANY ($1::bigint[]);
