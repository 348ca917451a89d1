-- Seconds that the oldest transaction of another session of this database is open, as far as this
-- role may see; 0 when there is none.
SELECT
    coalesce(max(date_part('epoch', clock_timestamp() - activity.xact_start)), 0)::float8 AS seconds
FROM pg_stat_activity AS activity
WHERE activity.datname = current_database()
    AND activity.pid <> pg_backend_pid()
    AND coalesce(activity.backend_type, 'client backend') = 'client backend';
