-- The newest row of the log that is two seconds old: short transactions write behind it only.
SELECT
    coalesce(max(log.id), 0) AS settled, coalesce(max(log.id), 0) AS last, FALSE AS more,
    ARRAY[]::bigint[] AS job_ids, ARRAY[]::text[] AS statuses
FROM :"queue_table_log" AS log
WHERE log.created < now() - interval '2 seconds';
