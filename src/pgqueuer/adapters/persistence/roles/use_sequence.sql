-- The table knows how its sequence is called.
DO $block$
BEGIN
    EXECUTE format(
        'GRANT USAGE ON SEQUENCE %s TO %I',
        pg_get_serial_sequence(:'table_regclass', 'id'),
        :'role'
    );
END
$block$;
