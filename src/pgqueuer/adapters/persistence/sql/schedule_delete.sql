-- Removes the schedules with the ids $1 and those of the entrypoints $2.
DELETE FROM :"schedules_table" AS schedule
WHERE schedule.id = ANY ($1::bigint[]) OR schedule.entrypoint = ANY ($2::text[]);
