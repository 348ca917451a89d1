-- Removes the jobs $1 of worker $2, which all ended with status $3 and without a traceback; `lost`
-- are those that it does not hold. See settle.sql for the form of the fence.
-- The transitions are counted at once, which spares the update of each log row by a fold. Whoever
-- would have to wait for another that counts leaves that to a fold.
WITH removed AS (
    DELETE FROM :"queue_table" AS job
    WHERE job.id = ANY ($1::bigint[])
        AND job.queue_manager_id IS NOT DISTINCT FROM $2::uuid
        AND $2::uuid IS NOT NULL
    RETURNING job.id, job.entrypoint, job.priority
),

turn AS MATERIALIZED (
    SELECT
        pg_try_advisory_xact_lock(
            hashtextextended(
                'pgqueuer.count.' || $3::text, :'statistics_table_regclass'::regclass::oid::bigint
            )
        ) AS mine
),

logged AS (
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority, aggregated)
    SELECT
        removed.id, CAST($3::text AS :"queue_status_type"), removed.entrypoint, removed.priority,
        (SELECT turn.mine FROM turn)
    FROM removed
),

counted AS (
    INSERT INTO :"statistics_table" AS total (count, created, entrypoint, priority, status)
    SELECT
        count(*),
        date_trunc('second', now()),
        removed.entrypoint,
        removed.priority,
        CAST($3::text AS :"queue_status_type")
    FROM removed
    WHERE (SELECT turn.mine FROM turn)
    GROUP BY removed.entrypoint, removed.priority
    ORDER BY removed.entrypoint, removed.priority
    ON CONFLICT (priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint)
    DO UPDATE SET count = total.count + excluded.count
)

SELECT
    CASE
        WHEN (SELECT count(*) FROM removed) = cardinality($1::bigint[]) THEN '{}'::bigint[]
        ELSE ARRAY(
            SELECT given.id
            FROM unnest($1::bigint[]) AS given (id)
            WHERE NOT EXISTS (SELECT FROM removed WHERE removed.id = given.id)
        )
    END AS lost;
