-- As insight_browse.sql, of the jobs that have the text $6 somewhere: in the entrypoint, the headers,
-- the payload, or as the id. Only the newest $7 jobs that fit otherwise are looked into, so that a
-- search ends in a deep queue too; the job with the id $6 is found anyway.
SELECT
    job.id, job.priority, least(greatest(job.created, :'earliest'), :'latest') AS created,
    least(greatest(job.updated, :'earliest'), :'latest') AS updated,
    least(greatest(job.heartbeat, :'earliest'), :'latest') AS heartbeat,
    least(greatest(job.execute_after, :'earliest'), :'latest') AS execute_after,
    job.status::text AS status, job.entrypoint,
    CASE WHEN $5::boolean THEN job.payload END AS payload, job.attempts, job.queue_manager_id,
    job.slot, CASE WHEN jsonb_typeof(job.headers) = 'object' THEN job.headers END AS headers
FROM :"queue_table" AS job
WHERE job.id = ANY (
    ARRAY(
        SELECT found.id
        FROM (
            SELECT looked.id
            FROM (
                SELECT newest.id, newest.entrypoint, newest.headers, newest.payload
                FROM :"queue_table" AS newest
                WHERE ($3::text[] IS NULL OR newest.status::text = ANY ($3::text[]))
                    AND ($4::text[] IS NULL OR newest.entrypoint = ANY ($4::text[]))
                ORDER BY newest.id DESC
                LIMIT $7::bigint
            ) AS looked
            WHERE strpos(lower(looked.entrypoint), lower($6::text)) > 0
                OR strpos(lower(looked.headers::text), lower($6::text)) > 0
                OR position(convert_to($6::text, 'UTF8') IN looked.payload) > 0
            UNION
            SELECT named.id
            FROM :"queue_table" AS named
            WHERE named.id = CASE WHEN $6::text ~ '^[0-9]{1,18}$' THEN $6::text::bigint END
                AND ($3::text[] IS NULL OR named.status::text = ANY ($3::text[]))
                AND ($4::text[] IS NULL OR named.entrypoint = ANY ($4::text[]))
        ) AS found
        ORDER BY found.id DESC
        LIMIT $1::bigint OFFSET $2::bigint
    )
)
ORDER BY job.id DESC;
