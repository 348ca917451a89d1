-- The size of the log, how far back it goes in seconds, and up to $1 of what is not folded yet.
SELECT
    pg_total_relation_size(:'queue_table_log_regclass'::regclass) AS bytes,
    (
        SELECT date_part('epoch', clock_timestamp() - log.created)
        FROM :"queue_table_log" AS log
        WHERE isfinite(log.created)
        ORDER BY log.id
        LIMIT 1
    ) AS age,
    (
        SELECT count(*)
        FROM (
            SELECT log.id FROM :"queue_table_log" AS log WHERE NOT log.aggregated LIMIT $1::bigint
        ) AS unfolded
    ) AS pending;
