-- Takes $1 ids for rows that are written by COPY, and the server's idea of now.
SELECT nextval(pg_get_serial_sequence(:'queue_table_regclass', 'id')) AS id, now() AS now
FROM generate_series(1, $1::int);
