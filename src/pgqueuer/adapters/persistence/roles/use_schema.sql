-- Where the settings name no schema, it is the one that the queue is found in.
DO $block$
DECLARE
    place CONSTANT regnamespace := (
        SELECT relnamespace FROM pg_class WHERE oid = :'queue_table_regclass'::regclass
    );
BEGIN
    IF NOT has_schema_privilege(:'role', place::oid, 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', place, :'role');
    END IF;
END
$block$;
