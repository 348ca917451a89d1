-- Inserts jobs with dedupe keys, all or none: an active holder of one of the keys is reported in
-- `clash` and then nothing is inserted, without an error that would end the caller's transaction.
-- A key that becomes active meanwhile still violates the unique index.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $1::int[], $2::text[], $3::bytea[], $4::interval[], $5::text[], $6::text[]
    ) WITH ORDINALITY AS rows (priority, entrypoint, payload, delay, headers, dedupe_key, place)
),

clash AS MATERIALIZED (
    SELECT job.dedupe_key
    FROM :"queue_table" AS job
    WHERE job.dedupe_key = ANY (array_remove($6::text[], NULL))
        AND job.status IN ('queued', 'picked')
),

inserted AS (
    INSERT INTO :"queue_table" (
        priority, entrypoint, payload, execute_after, headers, dedupe_key, status
    )
    SELECT
        given.priority,
        given.entrypoint,
        given.payload,
        now() + coalesce(given.delay, interval '0'),
        given.headers::jsonb,
        given.dedupe_key,
        'queued'
    FROM given
    WHERE NOT EXISTS (SELECT FROM clash)
    ORDER BY given.place
    RETURNING id, entrypoint, status, priority
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT inserted.id, inserted.status, inserted.entrypoint, inserted.priority
    FROM inserted
    WHERE :'log_enqueues'::boolean
)

SELECT inserted.id, NULL::text AS clash FROM inserted
UNION ALL
SELECT NULL::bigint, clash.dedupe_key FROM clash
ORDER BY 1;
