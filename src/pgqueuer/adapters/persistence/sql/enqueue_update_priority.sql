-- Inserts jobs, or raises the priority of the active holder of their dedupe key; only inserted
-- ones are logged. Each id comes with its place in the input.
WITH given AS MATERIALIZED (
    SELECT *, nextval(pg_get_serial_sequence(:'queue_table_regclass', 'id')) AS new_id
    FROM unnest(
        $1::int[], $2::text[], $3::bytea[], $4::interval[], $5::text[], $6::text[]
    ) WITH ORDINALITY AS rows (priority, entrypoint, payload, delay, headers, dedupe_key, place)
),

upserted AS (
    INSERT INTO :"queue_table" AS job (
        id, priority, entrypoint, payload, execute_after, headers, dedupe_key, status
    )
    SELECT
        given.new_id,
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
    DO UPDATE SET priority = greatest(job.priority, excluded.priority)
    RETURNING job.id, job.entrypoint, job.status, job.priority, job.dedupe_key
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT upserted.id, upserted.status, upserted.entrypoint, upserted.priority
    FROM upserted
    INNER JOIN given ON given.new_id = upserted.id
    WHERE :'log_enqueues'::boolean
)

SELECT upserted.id, given.place
FROM upserted
INNER JOIN given ON given.new_id = upserted.id OR given.dedupe_key = upserted.dedupe_key;
