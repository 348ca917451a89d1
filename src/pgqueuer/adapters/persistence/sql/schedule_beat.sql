-- Tells that the runs of the schedules $1 go on, each known by the due time $2 that follows it.
-- Gives the ids of those that nobody else has taken over.
UPDATE :"schedules_table" AS schedule
SET heartbeat = now(), updated = now()
FROM unnest($1::bigint[], $2::timestamptz[]) AS given (id, next_run)
WHERE schedule.id = given.id
    AND least(
        greatest(COALESCE(schedule.paused_next_run, schedule.next_run), :'earliest'), :'latest'
    ) = given.next_run
RETURNING schedule.id;
