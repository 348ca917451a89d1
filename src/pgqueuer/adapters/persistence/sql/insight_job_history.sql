-- The newest $2 transitions of job $1, newest first. All its rows are taken before they are cut,
-- so that the planner never walks the whole log backwards for them.
WITH history AS MATERIALIZED (
    SELECT * FROM :"queue_table_log" AS log WHERE log.job_id = $1::bigint
)

SELECT
    least(greatest(history.created, :'earliest'), :'latest') AS created, history.job_id,
    history.status::text AS status, history.priority,
    history.entrypoint, history.traceback, history.aggregated IS TRUE AS aggregated
FROM history
ORDER BY history.id DESC
LIMIT $2::bigint;
