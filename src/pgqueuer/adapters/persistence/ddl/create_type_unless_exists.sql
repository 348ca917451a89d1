-- CREATE TYPE knows no IF NOT EXISTS.
DO $block$
BEGIN
    EXECUTE :'statement';
EXCEPTION
    WHEN duplicate_object THEN
        RAISE NOTICE 'the type exists, skipping';
END
$block$;
