DO $block$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_constraint
        WHERE conrelid = :'schedules_table_regclass'::regclass
            AND contype = 'u'
            AND pg_get_constraintdef(oid) = 'UNIQUE (expression, entrypoint)'
    ) THEN
        ALTER TABLE :"schedules_table" ADD UNIQUE (expression, entrypoint);
    END IF;
END
$block$;
