-- The tables of the installation that exist. A table that was never analyzed has no row estimate
-- yet; the activity counters then stand in.
SELECT
    class.relname::text AS table_name,
    CASE class.relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE 'LOGGED' END AS persistence,
    CASE
        WHEN class.reltuples < 0 THEN pg_stat_get_live_tuples(class.oid)
        ELSE class.reltuples::bigint
    END AS estimated_rows,
    pg_size_pretty(pg_total_relation_size(class.oid)) AS total_size
FROM pg_class AS class
WHERE class.oid IN (
        to_regclass(:'queue_table_regclass'),
        to_regclass(:'queue_table_log_regclass'),
        to_regclass(:'statistics_table_regclass'),
        to_regclass(:'schedules_table_regclass'),
        to_regclass(:'pauses_table_regclass')
    )
ORDER BY class.relname;
