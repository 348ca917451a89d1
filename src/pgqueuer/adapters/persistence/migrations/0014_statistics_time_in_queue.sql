-- Nothing fills this column any more; it is kept for what it holds.
DO $block$
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = :'statistics_table_regclass'::regclass
            AND attname = 'time_in_queue'
            AND NOT attisdropped
    ) THEN
        ALTER TABLE :"statistics_table" ALTER COLUMN time_in_queue DROP NOT NULL;
    END IF;
END
$block$;
