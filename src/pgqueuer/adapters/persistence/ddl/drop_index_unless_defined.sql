-- CREATE INDEX IF NOT EXISTS looks at the name only.
DO $block$
BEGIN
    IF EXISTS (
        SELECT FROM pg_index
        WHERE indexrelid = to_regclass(:'index_regclass')
            AND pg_get_indexdef(indexrelid) NOT LIKE '% USING ' || :'definition'
    ) THEN
        DROP INDEX :"index";
    END IF;
END
$block$;
