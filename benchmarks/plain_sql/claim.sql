-- Takes up to $3 jobs of entrypoint $1 for worker $2, the first ones of the highest priority.
UPDATE plain_job
SET owner = $2
WHERE id = ANY (
    ARRAY(
        SELECT id
        FROM plain_job
        WHERE owner IS NULL AND entrypoint = $1 AND due <= now()
        ORDER BY priority DESC, id
        LIMIT $3
        FOR UPDATE SKIP LOCKED
    )
)
RETURNING id, payload;
