-- All that the database knows of the declared objects, as one document: tables with columns,
-- constraints and indexes, the enums, the functions and the trigger. Where no schema is named,
-- the current one counts, as it does for CREATE. Reads system catalogs only.
WITH declared (field, schema_name, name) AS (
    VALUES
        ('queue_table', :'queue_table_schema', :'queue_table_name'),
        ('queue_table_log', :'queue_table_log_schema', :'queue_table_log_name'),
        ('statistics_table', :'statistics_table_schema', :'statistics_table_name'),
        ('schedules_table', :'schedules_table_schema', :'schedules_table_name'),
        ('pauses_table', :'pauses_table_schema', :'pauses_table_name'),
        ('function', :'function_schema', :'function_name'),
        ('enqueue_function', :'queue_table_schema', :'queue_table_name__enqueue'),
        ('status_type', :'queue_status_type_schema', :'queue_status_type_name'),
        ('retired_type', :'retired_type_schema', :'retired_type_name')
),

place AS (
    SELECT declared.field, declared.name, namespace.oid AS namespace
    FROM declared
    JOIN pg_namespace AS namespace
        ON namespace.nspname = coalesce(nullif(declared.schema_name, ''), current_schema())
),

relation AS (
    SELECT place.field, place.name, class.oid, class.relpersistence
    FROM place
    JOIN pg_class AS class
        ON class.relnamespace = place.namespace
            AND class.relname = place.name
            AND class.relkind IN ('r', 'p')
    WHERE place.field IN (
            'queue_table', 'queue_table_log', 'statistics_table', 'schedules_table', 'pauses_table'
        )
),

enum AS (
    SELECT place.field, type.oid, format_type(type.oid, NULL) AS spelling
    FROM place
    JOIN pg_type AS type
        ON type.typnamespace = place.namespace
            AND type.typname = place.name
            AND type.typtype = 'e'
    WHERE place.field IN ('status_type', 'retired_type')
),

sequence AS (
    SELECT
        owned.refobjid AS relation,
        owned.refobjsubid AS attribute,
        format_type(sequence.seqtypid, NULL) AS type
    FROM pg_depend AS owned
    JOIN pg_sequence AS sequence ON sequence.seqrelid = owned.objid
    WHERE owned.classid = 'pg_class'::regclass
        AND owned.refclassid = 'pg_class'::regclass
        AND owned.deptype IN ('a', 'i')
),

columns AS (
    SELECT
        relation.oid,
        jsonb_object_agg(
            attribute.attname,
            jsonb_build_object(
                'type', format_type(attribute.atttypid, attribute.atttypmod),
                'not_null', attribute.attnotnull,
                'default', pg_get_expr(expression.adbin, expression.adrelid),
                'identity', attribute.attidentity <> '',
                'generated', attribute.attgenerated <> '',
                'sequence', sequence.type
            )
        ) AS document
    FROM relation
    JOIN pg_attribute AS attribute
        ON attribute.attrelid = relation.oid
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
    LEFT JOIN pg_attrdef AS expression
        ON expression.adrelid = attribute.attrelid AND expression.adnum = attribute.attnum
    LEFT JOIN sequence
        ON sequence.relation = attribute.attrelid AND sequence.attribute = attribute.attnum
    GROUP BY relation.oid
),

constraints AS (
    SELECT
        relation.oid,
        jsonb_agg(pg_get_constraintdef(con.oid) ORDER BY con.conname) AS document
    FROM relation
    JOIN pg_constraint AS con ON con.conrelid = relation.oid AND con.contype IN ('p', 'u')
    GROUP BY relation.oid
),

indexes AS (
    SELECT
        relation.oid,
        jsonb_object_agg(
            class.relname,
            jsonb_build_object(
                'definition', pg_get_indexdef(index.indexrelid),
                'valid', index.indisvalid
            )
        ) AS document
    FROM relation
    JOIN pg_index AS index ON index.indrelid = relation.oid
    JOIN pg_class AS class ON class.oid = index.indexrelid
    GROUP BY relation.oid
),

tables AS (
    SELECT
        jsonb_object_agg(
            relation.field,
            jsonb_build_object(
                'name', relation.name,
                'persistence', relation.relpersistence,
                'columns', coalesce(columns.document, '{}'),
                'constraints', coalesce(constraints.document, '[]'),
                'indexes', coalesce(indexes.document, '{}')
            )
        ) AS document
    FROM relation
    LEFT JOIN columns USING (oid)
    LEFT JOIN constraints USING (oid)
    LEFT JOIN indexes USING (oid)
),

enums AS (
    SELECT
        jsonb_object_agg(
            enum.field,
            jsonb_build_object(
                'spelling', enum.spelling,
                'labels', ARRAY(
                    SELECT label.enumlabel::text
                    FROM pg_enum AS label
                    WHERE label.enumtypid = enum.oid
                    ORDER BY label.enumsortorder
                ),
                'users', (
                    SELECT count(*)
                    FROM pg_depend AS user_of
                    WHERE user_of.refclassid = 'pg_type'::regclass
                        AND user_of.refobjid = enum.oid
                        AND user_of.deptype = 'n'
                        AND NOT (
                            user_of.classid = 'pg_class'::regclass
                            AND user_of.objid IN (
                                SELECT oid FROM relation
                                UNION ALL
                                SELECT index.indexrelid
                                FROM pg_index AS index
                                JOIN relation ON relation.oid = index.indrelid
                            )
                        )
                )
            )
        ) AS document
    FROM enum
),

function AS (
    SELECT
        place.field,
        procedure.oid,
        procedure.prosrc AS source,
        pg_get_function_arguments(procedure.oid) AS arguments
    FROM place
    JOIN pg_proc AS procedure
        ON procedure.pronamespace = place.namespace
            AND procedure.proname = place.name
            AND oidvectortypes(procedure.proargtypes) = CASE place.field
                WHEN 'function' THEN ''
                ELSE 'text, bytea, integer, interval, text, jsonb, text, jsonb'
            END
    WHERE place.field IN ('function', 'enqueue_function')
),

trigger AS (
    SELECT
        jsonb_build_object(
            'kind', tg.tgtype,
            'enabled', tg.tgenabled <> 'D',
            'calls_function', tg.tgfoid IN (SELECT oid FROM function WHERE field = 'function')
        ) AS document
    FROM relation
    JOIN pg_trigger AS tg ON tg.tgrelid = relation.oid AND NOT tg.tgisinternal
    WHERE relation.field = 'queue_table' AND tg.tgname = :'trigger'
),

catalog AS (
    SELECT
        jsonb_build_object(
            'schema_exists', EXISTS (
                SELECT FROM pg_namespace
                WHERE nspname = coalesce(nullif(:'queue_table_schema', ''), current_schema())
            ),
            'tables', coalesce((SELECT document FROM tables), '{}'),
            'enums', coalesce((SELECT document FROM enums), '{}'),
            'functions', coalesce(
                (
                    SELECT jsonb_object_agg(
                        field, jsonb_build_object('source', source, 'arguments', arguments)
                    )
                    FROM function
                ),
                '{}'
            ),
            'trigger', (SELECT document FROM trigger)
        )::text AS document
)

SELECT document, md5(document) AS fingerprint FROM catalog
