-- Jobs that are held, and those that an exception ended in the last $1, by entrypoint and type of
-- the exception, the newest group first. Only the newest $2 of either kind are looked at; a held
-- job without a traceback has no type.
WITH held AS (
    SELECT job.id, job.entrypoint, job.updated
    FROM :"queue_table" AS job
    WHERE job.status = 'failed'
    ORDER BY job.id DESC
    LIMIT $2::bigint
),

failures AS (
    SELECT
        held.id AS job_id,
        TRUE AS is_held,
        held.entrypoint,
        least(greatest(COALESCE(reason.created, held.updated), :'earliest'), :'latest') AS created,
        reason.traceback
    FROM held
    LEFT JOIN LATERAL (
        SELECT
            max(log.created) AS created,
            (array_agg(log.traceback ORDER BY log.id DESC))[1] AS traceback
        FROM :"queue_table_log" AS log
        WHERE log.job_id = held.id AND log.traceback IS NOT NULL
    ) AS reason ON TRUE
    UNION ALL
    (
        SELECT
            log.job_id, FALSE AS is_held, log.entrypoint,
            least(log.created, :'latest') AS created, log.traceback
        FROM :"queue_table_log" AS log
        WHERE log.status = 'exception' AND log.created >= now() - $1::interval
        ORDER BY log.created DESC
        LIMIT $2::bigint
    )
)

SELECT
    failures.entrypoint,
    failures.traceback ->> 'exception_type' AS exception_type,
    (array_agg(
        failures.traceback ->> 'exception_message' ORDER BY failures.created DESC
    ))[1] AS newest_message,
    (array_agg(failures.job_id ORDER BY failures.created DESC))[1] AS newest_job,
    count(*) AS count,
    min(failures.created) AS first_seen,
    max(failures.created) AS last_seen,
    COALESCE(
        array_agg(failures.job_id ORDER BY failures.job_id) FILTER (WHERE failures.is_held),
        '{}'
    ) AS held
FROM failures
GROUP BY failures.entrypoint, exception_type
ORDER BY last_seen DESC, failures.entrypoint, exception_type;
