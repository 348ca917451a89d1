-- Ids of four bytes run out. Rewrites the table if the column is narrow.
DO $block$
DECLARE
    sequence text := pg_get_serial_sequence(:'table_regclass', 'id');
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = :'table_regclass'::regclass
            AND attname = 'id'
            AND atttypid = 'integer'::regtype
    ) THEN
        ALTER TABLE :"table" ALTER COLUMN id TYPE BIGINT;
    END IF;
    IF sequence IS NOT NULL THEN
        EXECUTE format('ALTER SEQUENCE %s AS BIGINT', sequence);
    END IF;
END
$block$;
