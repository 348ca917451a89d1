-- Resumes the entrypoints $1, and wakes the workers with $2.
WITH resumed AS (
    DELETE FROM :"pauses_table" AS pause
    WHERE pause.entrypoint = ANY ($1::text[])
    RETURNING pause.entrypoint
),

woken AS MATERIALIZED (
    SELECT pg_notify(:'channel', $2::text) WHERE EXISTS (SELECT FROM resumed)
)

SELECT (SELECT count(*) FROM resumed) AS resumed, (SELECT count(*) FROM woken) AS woken;
