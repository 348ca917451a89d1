-- Old releases had an enum of its own for the statistics. Rewrites the table.
DO $block$
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = :'statistics_table_regclass'::regclass
            AND attname = 'status'
            AND atttypid <> :'queue_status_type_regclass'::regtype
    ) THEN
        ALTER TABLE :"statistics_table"
            ALTER COLUMN status TYPE :"queue_status_type"
            USING CAST(status::text AS :"queue_status_type");
    END IF;
END
$block$;
