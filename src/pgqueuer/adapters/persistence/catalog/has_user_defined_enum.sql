-- Whether the enum $2 in schema $1, or in the current one, has the label $3.
SELECT EXISTS (
    SELECT
    FROM pg_enum AS label
    JOIN pg_type AS type ON type.oid = label.enumtypid
    JOIN pg_namespace AS namespace ON namespace.oid = type.typnamespace
    WHERE namespace.nspname = coalesce($1::text, current_schema())
        AND type.typname = $2::text
        AND label.enumlabel = $3::text
) AS present;
