-- 1 if any job of the entrypoints $1 is queued and due; else 0.
SELECT EXISTS (
    SELECT
    FROM :"queue_table" AS job
    WHERE job.status = 'queued'
        AND job.entrypoint = ANY ($1::text[])
        AND job.execute_after <= now()
)::int AS found;
