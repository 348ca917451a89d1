-- Whether the log can be folded here: not by a role that may only read, and not on a standby.
SELECT
    NOT current_setting('transaction_read_only')::boolean
    AND has_column_privilege(:'queue_table_log_regclass', 'aggregated', 'UPDATE')
    AND has_any_column_privilege(:'statistics_table_regclass', 'INSERT')
    AND has_any_column_privilege(:'statistics_table_regclass', 'UPDATE') AS allowed;
