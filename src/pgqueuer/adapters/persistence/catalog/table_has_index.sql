-- Whether the table $2 in schema $1, or in the current one, has the index $3.
SELECT EXISTS (
    SELECT FROM pg_indexes
    WHERE schemaname = coalesce($1::text, current_schema())
        AND tablename = $2::text
        AND indexname = $3::text
) AS present;
