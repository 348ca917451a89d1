-- How many connections of clients there are, and how many of them there may be; what a role may
-- not see counts too.
SELECT
    count(*) AS used,
    current_setting('max_connections')::integer
    - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true), '0')::integer AS allowed
FROM pg_stat_activity AS activity
WHERE activity.datid IS NOT NULL
    AND coalesce(activity.backend_type, 'client backend') = 'client backend';
