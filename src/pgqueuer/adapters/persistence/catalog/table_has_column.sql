-- Whether the table $2 in schema $1, or in the current one, has the column $3.
SELECT EXISTS (
    SELECT
    FROM pg_attribute AS attribute
    JOIN pg_class AS class ON class.oid = attribute.attrelid
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE namespace.nspname = coalesce($1::text, current_schema())
        AND class.relname = $2::text
        AND attribute.attname = $3::text
        AND attribute.attnum > 0
        AND NOT attribute.attisdropped
) AS present;
