-- Forgets the statistics of the entrypoints $1.
DELETE FROM :"statistics_table" AS total WHERE total.entrypoint = ANY ($1::text[]);
