-- Pauses the entrypoints $1 for the reason $2. What is paused stays so since when it was, and keeps
-- its reason unless there is a new one.
WITH added AS (
    INSERT INTO :"pauses_table" AS pause (entrypoint, reason)
    SELECT given.entrypoint, $2::text
    FROM unnest($1::text[]) AS given (entrypoint)
    ORDER BY given.entrypoint
    ON CONFLICT (entrypoint) DO UPDATE SET reason = coalesce(excluded.reason, pause.reason)
    RETURNING pause.entrypoint, pause.xmax = 0 AS is_new
)

SELECT count(*) AS paused FROM added WHERE is_new;
