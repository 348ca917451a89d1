-- Which database answers, and whether it takes writes; the host is null for a local socket.
SELECT
    current_database()::text AS database,
    host(inet_server_addr()) AS host,
    inet_server_port() AS port,
    NOT pg_is_in_recovery()
        AND current_setting('transaction_read_only') = 'off' AS writable;
