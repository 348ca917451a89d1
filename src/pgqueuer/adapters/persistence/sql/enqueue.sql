-- Inserts jobs without dedupe keys from columns of equal length; the ids ascend in input order,
-- because an INSERT takes its default values after the ORDER BY of its query. They are given as
-- one array, in any order.
WITH inserted AS (
    INSERT INTO :"queue_table" (priority, entrypoint, payload, execute_after, headers, status)
    SELECT
        given.priority,
        given.entrypoint,
        given.payload,
        now() + coalesce(given.delay, interval '0'),
        given.headers::jsonb,
        'queued'
    FROM unnest($1::int[], $2::text[], $3::bytea[], $4::interval[], $5::text[])
        WITH ORDINALITY AS given (priority, entrypoint, payload, delay, headers, place)
    ORDER BY given.place
    RETURNING id, entrypoint, priority
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT inserted.id, 'queued', inserted.entrypoint, inserted.priority
    FROM inserted
    WHERE :'log_enqueues'::boolean
)

SELECT array_agg(inserted.id) AS ids FROM inserted;
