-- Whether the table $2 is in schema $1, or in the current one.
SELECT EXISTS (
    SELECT
    FROM pg_class AS class
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE namespace.nspname = coalesce($1::text, current_schema())
        AND class.relname = $2::text
        AND class.relkind IN ('r', 'p')
) AS present;
