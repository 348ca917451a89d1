-- How many pages the queue has.
SELECT
    pg_relation_size(:'queue_table_regclass') / current_setting('block_size')::bigint AS pages;
