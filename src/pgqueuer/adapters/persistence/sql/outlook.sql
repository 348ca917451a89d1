-- What a worker with the entrypoints $1 and their limits $2 (0: none) may expect: whether it could
-- claim now, whether jobs wait only for a seat, the time until the next deferred job is due, and
-- the entrypoints of which other workers hold more than our limit allows.
-- The order of each look tells the planner which index to take: it knows little of how many jobs of
-- which entrypoint are due, and would read the whole table for the first of those that it hopes for.
WITH backlog AS MATERIALIZED (
    SELECT
        terms.entrypoint,
        terms.seats = 0 OR taken.number < terms.seats AS has_room,
        terms.seats > 0 AND taken.beyond AS has_other_limit,
        coalesce((
            SELECT true
            FROM :"queue_table" AS job
            WHERE job.status = 'queued'
                AND job.entrypoint = terms.entrypoint
                AND job.execute_after <= now()
                AND job.takeovers < 2
            ORDER BY job.execute_after
            LIMIT 1
        ), false) AS has_work,
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
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS number,
            coalesce(bool_or(job.slot IS NULL OR job.slot >= terms.seats), false) AS beyond
        FROM :"queue_table" AS job
        WHERE terms.seats > 0 AND job.status = 'picked' AND job.entrypoint = terms.entrypoint
    ) AS taken
    WHERE terms.entrypoint <> ALL (ARRAY(SELECT pause.entrypoint FROM :"pauses_table" AS pause))
)

SELECT
    coalesce(bool_or(has_work AND has_room), false) AS ready,
    coalesce(bool_or(has_work AND NOT has_room), false) AS saturated,
    min(least(next_due, :'latest')) FILTER (WHERE next_due IS NOT NULL) - now() AS next_eligible,
    coalesce(array_agg(entrypoint) FILTER (WHERE has_other_limit), '{}') AS other_limits
FROM backlog;
