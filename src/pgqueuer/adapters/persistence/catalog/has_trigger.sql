-- Whether a table in schema $1, or in the current one, has the trigger $2.
SELECT EXISTS (
    SELECT
    FROM pg_trigger AS tg
    JOIN pg_class AS class ON class.oid = tg.tgrelid
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE namespace.nspname = coalesce($1::text, current_schema())
        AND tg.tgname = $2::text
        AND NOT tg.tgisinternal
) AS present;
