-- Left alone while anything still uses it.
DO $block$
BEGIN
    DROP TYPE IF EXISTS :"retired_type";
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        RAISE NOTICE 'the type % is still in use and is kept', :'retired_type';
END
$block$;
