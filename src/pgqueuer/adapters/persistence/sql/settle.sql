-- Writes the outcomes of picked jobs, each fenced by its owner; `lost` are those not owned.
-- Only a picked job has an owner. The fence is written so that no index serves it: the planner knows
-- nothing of how many jobs are picked, and must look the rows up by key.
-- Finished jobs leave the queue, failed ones are parked, queued ones go back after their delay
-- (adding $6 to their attempts), which is the only case that wakes other workers.
WITH outcomes AS MATERIALIZED (
    SELECT *
    FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::interval[], $6::int[])
        AS given (id, owner, status, traceback, delay, counted)
),

removed AS (
    DELETE FROM :"queue_table" AS job
    USING outcomes
    WHERE job.id = outcomes.id
        AND job.id = ANY ($1::bigint[])
        AND job.queue_manager_id IS NOT DISTINCT FROM outcomes.owner
        AND outcomes.owner IS NOT NULL
        AND outcomes.status NOT IN ('queued', 'failed')
    RETURNING job.id, job.entrypoint, job.priority, outcomes.status, outcomes.traceback
),

kept AS (
    UPDATE :"queue_table" AS job
    SET status = CAST(outcomes.status AS :"queue_status_type"),
        updated = now(),
        queue_manager_id = NULL,
        slot = NULL,
        attempts = least(job.attempts, 2147483647 - outcomes.counted) + outcomes.counted,
        execute_after = CASE
            WHEN outcomes.status = 'queued' AND outcomes.delay IS NOT NULL
                THEN now() + outcomes.delay
            ELSE job.execute_after
        END
    FROM outcomes
    WHERE job.id = outcomes.id
        AND job.id = ANY ($1::bigint[])
        AND job.queue_manager_id IS NOT DISTINCT FROM outcomes.owner
        AND outcomes.owner IS NOT NULL
        AND outcomes.status IN ('queued', 'failed')
    RETURNING job.id, job.entrypoint, job.priority, outcomes.status, outcomes.traceback
),

written AS (
    SELECT * FROM removed
    UNION ALL
    SELECT * FROM kept
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority, traceback)
    SELECT
        written.id, CAST(written.status AS :"queue_status_type"), written.entrypoint, written.priority,
        written.traceback::jsonb
    FROM written
),

woken AS MATERIALIZED (
    SELECT pg_notify(:'channel', $7::text)
    WHERE EXISTS (SELECT FROM kept WHERE kept.status = 'queued')
)

SELECT
    ARRAY(
        SELECT outcomes.id
        FROM outcomes
        WHERE NOT EXISTS (SELECT FROM written WHERE written.id = outcomes.id)
    ) AS lost,
    (SELECT count(*) FROM woken) AS woken;
