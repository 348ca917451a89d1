-- Ends the leases that were not renewed for $1, of the entrypoints $2, never those of owner $4.
-- Such a job goes back to the queue with one more attempt and takeover; one that was taken over
-- $3[i] times already is parked. $5 is the traceback record to log, completed by what is known of
-- the job, and $6 what to tell the other workers.
WITH terms AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::int[]) AS given (entrypoint, max_takeovers)
),

expired AS MATERIALIZED (
    SELECT
        job.id,
        job.queue_manager_id AS owner,
        job.heartbeat AS last_heartbeat,
        job.takeovers >= terms.max_takeovers AS poison
    FROM :"queue_table" AS job
    INNER JOIN terms USING (entrypoint)
    WHERE job.status = 'picked'
        AND job.heartbeat < now() - $1::interval
        AND job.queue_manager_id IS DISTINCT FROM $4::uuid
    ORDER BY job.heartbeat
    LIMIT 1000
    FOR UPDATE OF job SKIP LOCKED
),

ended AS (
    UPDATE :"queue_table" AS job
    SET status = CAST(
            CASE WHEN expired.poison THEN 'failed' ELSE 'queued' END AS :"queue_status_type"
        ),
        updated = now(),
        attempts = least(job.attempts, 2147483646) + 1,
        takeovers = least(job.takeovers, 2147483646) + 1,
        queue_manager_id = NULL,
        slot = NULL
    FROM expired
    WHERE job.id = expired.id
    RETURNING
        job.id, job.status, job.entrypoint, job.priority, job.attempts, job.takeovers,
        expired.owner, expired.last_heartbeat, expired.poison
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority, traceback)
    SELECT
        ended.id,
        ended.status,
        ended.entrypoint,
        ended.priority,
        $5::text::jsonb || jsonb_build_object(
            'job_id', ended.id,
            'timestamp', now(),
            'additional_context', jsonb_build_object(
                'entrypoint', ended.entrypoint,
                'queue_manager_id', ended.owner,
                'last_heartbeat', ended.last_heartbeat,
                'attempt', ended.attempts,
                'takeovers', ended.takeovers,
                'parked', ended.poison
            )
        )
    FROM ended
),

woken AS MATERIALIZED (
    SELECT pg_notify(:'channel', $6::text) WHERE EXISTS (SELECT FROM ended WHERE NOT ended.poison)
)

SELECT
    (SELECT count(*) FROM ended WHERE NOT ended.poison) AS requeued,
    (SELECT count(*) FROM ended WHERE ended.poison) AS parked,
    (SELECT count(*) FROM woken) AS woken,
    EXISTS (
        SELECT
        FROM ended
        WHERE NOT ended.poison
            AND ended.takeovers >= 2
            AND ended.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
    )
    OR EXISTS (
        SELECT
        FROM :"queue_table" AS job
        WHERE job.status = 'queued'
            AND job.takeovers >= 2
            AND job.entrypoint = ANY (
                ARRAY(
                    SELECT terms.entrypoint
                    FROM terms
                    WHERE terms.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
                )
            )
            AND job.execute_after <= now()
    ) AS suspects,
    (
        SELECT least(job.heartbeat, :'latest') + $1::interval - now()
        FROM :"queue_table" AS job
        WHERE job.status = 'picked'
            AND job.entrypoint = ANY ($2::text[])
            AND job.heartbeat >= now() - $1::interval
            AND job.queue_manager_id IS DISTINCT FROM $4::uuid
        ORDER BY job.heartbeat
        LIMIT 1
    ) AS next_expiry;
