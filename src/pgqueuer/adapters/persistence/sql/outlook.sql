-- What a worker with the entrypoints $1 and their limits $2 (0: none) may expect: whether it could
-- claim now, whether jobs wait only for a seat, and the time until the next deferred job is due.
WITH backlog AS MATERIALIZED (
    SELECT
        terms.seats = 0 OR terms.seats > (
            SELECT count(*)
            FROM :"queue_table" AS job
            WHERE job.status = 'picked' AND job.entrypoint = terms.entrypoint AND terms.seats > 0
        ) AS has_room,
        EXISTS (
            SELECT
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = terms.entrypoint
                AND job.execute_after <= now()
                AND job.takeovers < 2
        ) AS has_work,
        (
            SELECT job.execute_after
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = terms.entrypoint
                AND job.execute_after > now()
            ORDER BY job.execute_after
            LIMIT 1
        ) AS next_due
    FROM unnest($1::text[], $2::int[]) AS terms (entrypoint, seats)
)

SELECT
    coalesce(bool_or(has_work AND has_room), false) AS ready,
    coalesce(bool_or(has_work AND NOT has_room), false) AS saturated,
    min(next_due) - now() AS next_eligible
FROM backlog;
