-- Inserts jobs of one entrypoint and one priority that are due at once and have nothing but their
-- payloads: one array instead of five. The rows of unnest() come in the order of the array, and
-- rows take their ids as they come; the ids are given as one array, in any order.
WITH inserted AS (
    INSERT INTO :"queue_table" (priority, entrypoint, payload, status)
    SELECT $1::int, $2::text, given.payload, 'queued'
    FROM unnest($3::bytea[]) AS given (payload)
    RETURNING id
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT inserted.id, 'queued', $2::text, $1::int
    FROM inserted
    WHERE :'log_enqueues'::boolean
)

SELECT array_agg(inserted.id) AS ids FROM inserted;
