-- Inserts jobs whose dedupe key is free; the others are left out. Each id comes with its place in
-- the input; of two rows with one key the first wins.
WITH given AS MATERIALIZED (
    SELECT *, nextval(pg_get_serial_sequence(:'queue_table_regclass', 'id')) AS id
    FROM unnest(
        $1::int[], $2::text[], $3::bytea[], $4::interval[], $5::text[], $6::text[]
    ) WITH ORDINALITY AS rows (priority, entrypoint, payload, delay, headers, dedupe_key, place)
),

inserted AS (
    INSERT INTO :"queue_table" (
        id, priority, entrypoint, payload, execute_after, headers, dedupe_key, status
    )
    SELECT
        given.id,
        given.priority,
        given.entrypoint,
        given.payload,
        now() + coalesce(given.delay, interval '0'),
        given.headers::jsonb,
        given.dedupe_key,
        'queued'
    FROM given
    ORDER BY given.place
    ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL
    DO NOTHING
    RETURNING id, entrypoint, status, priority
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT inserted.id, inserted.status, inserted.entrypoint, inserted.priority
    FROM inserted
    WHERE :'log_enqueues'::boolean
)

SELECT inserted.id, given.place
FROM inserted
INNER JOIN given USING (id);
