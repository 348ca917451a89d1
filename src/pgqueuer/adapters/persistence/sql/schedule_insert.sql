-- Adds schedules (expression, entrypoint), due after their delay; those that exist are left alone.
INSERT INTO :"schedules_table" (expression, entrypoint, next_run)
SELECT given.expression, given.entrypoint, now() + given.delay
FROM unnest($1::text[], $2::text[], $3::interval[]) AS given (expression, entrypoint, delay)
ORDER BY given.expression, given.entrypoint
ON CONFLICT (expression, entrypoint) DO NOTHING;
