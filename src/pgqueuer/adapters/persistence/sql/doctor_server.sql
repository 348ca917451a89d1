-- What the server is, and whether it takes writes.
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS number,
    current_setting('transaction_read_only')::boolean AS read_only,
    pg_is_in_recovery() AS standby,
    current_database()::text AS database,
    current_user::text AS role;
