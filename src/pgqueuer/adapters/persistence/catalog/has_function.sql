-- Whether the function $2 is in schema $1, or in the current one.
SELECT EXISTS (
    SELECT
    FROM pg_proc AS procedure
    JOIN pg_namespace AS namespace ON namespace.oid = procedure.pronamespace
    WHERE namespace.nspname = coalesce($1::text, current_schema())
        AND procedure.proname = $2::text
) AS present;
