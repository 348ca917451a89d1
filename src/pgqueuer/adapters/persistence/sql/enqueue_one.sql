-- Inserts one job without a dedupe key. No arrays, no sort and no column that comes back only to
-- be logged: the statement for single calls, where each microsecond is one of the caller's.
WITH inserted AS (
    INSERT INTO :"queue_table" (priority, entrypoint, payload, execute_after, headers, status)
    VALUES (
        $1::int,
        $2::text,
        $3::bytea,
        now() + coalesce($4::interval, interval '0'),
        $5::text::jsonb,
        'queued'
    )
    RETURNING id
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT inserted.id, 'queued', $2::text, $1::int
    FROM inserted
    WHERE :'log_enqueues'::boolean
)

SELECT inserted.id FROM inserted;
