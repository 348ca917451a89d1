-- Forgets the transitions of the entrypoints $1.
DELETE FROM :"queue_table_log" AS log WHERE log.entrypoint = ANY ($1::text[]);
