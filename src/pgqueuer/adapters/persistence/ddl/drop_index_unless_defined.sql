-- CREATE INDEX IF NOT EXISTS looks at the name only. Casts and storage options do not count.
DO $block$
BEGIN
    IF EXISTS (
        SELECT FROM pg_index
        WHERE indexrelid = to_regclass(:'index_regclass')
            AND regexp_replace(
                pg_get_indexdef(indexrelid), '::[\w."]+| WITH \([^)]*\)', '', 'g'
            ) NOT LIKE '% USING ' || :'definition'
    ) THEN
        DROP INDEX :"index";
    END IF;
END
$block$;
