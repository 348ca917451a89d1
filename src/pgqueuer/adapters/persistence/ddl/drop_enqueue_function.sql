DROP FUNCTION IF EXISTS :"queue_table__enqueue"(
    text, bytea, int, interval, text, jsonb, text, jsonb
);
