-- How each table of the queue is stored and cleaned up; a table that is not there has no row.
SELECT
    item.field,
    item.name,
    class.relpersistence = 'u' AS unlogged,
    array_to_string(class.reloptions, ', ') AS options,
    pg_stat_get_live_tuples(class.oid) AS live,
    pg_stat_get_dead_tuples(class.oid) AS dead,
    current_setting('autovacuum')::boolean AS autovacuum,
    current_setting('track_counts')::boolean AS track_counts
FROM (
    VALUES
    ('queue_table', :'queue_table_regclass'),
    ('queue_table_log', :'queue_table_log_regclass'),
    ('statistics_table', :'statistics_table_regclass'),
    ('schedules_table', :'schedules_table_regclass'),
    ('pauses_table', :'pauses_table_regclass')
) AS item (field, name)
INNER JOIN pg_class AS class ON class.oid = to_regclass(item.name);
