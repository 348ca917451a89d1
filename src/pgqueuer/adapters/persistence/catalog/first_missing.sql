-- The place, from 1, of the first part that is not there; no row if all are. Part i is of the kind
-- $1[i] and has the name $4[i]; it belongs to the table or the type $3[i] in schema $2[i], or in the
-- current one.
SELECT part.place
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
    WITH ORDINALITY AS part (kind, schema, owner, name, place)
LEFT JOIN pg_namespace AS namespace
    ON namespace.nspname = coalesce(part.schema, current_schema())
LEFT JOIN pg_class AS relation
    ON relation.relnamespace = namespace.oid
        AND relation.relname = part.owner
        AND relation.relkind IN ('r', 'p')
LEFT JOIN pg_type AS type
    ON type.typnamespace = namespace.oid AND type.typname = part.owner
WHERE CASE part.kind
    WHEN 'table' THEN relation.oid IS NULL
    WHEN 'column' THEN NOT EXISTS (
        SELECT
        FROM pg_attribute AS attribute
        WHERE attribute.attrelid = relation.oid
            AND attribute.attname = part.name
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
    )
    WHEN 'index' THEN NOT EXISTS (
        SELECT
        FROM pg_index AS entry
        JOIN pg_class AS index ON index.oid = entry.indexrelid
        WHERE entry.indrelid = relation.oid AND index.relname = part.name
    )
    WHEN 'label' THEN NOT EXISTS (
        SELECT
        FROM pg_enum AS label
        WHERE label.enumtypid = type.oid AND label.enumlabel = part.name
    )
END
ORDER BY part.place
LIMIT 1;
