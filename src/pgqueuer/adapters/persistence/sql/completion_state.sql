-- What became of transaction $1, and whether owner $3 holds job $2 all the same.
SELECT
    pg_xact_status($1::text::xid8) AS transaction,
    EXISTS (
        SELECT
        FROM :"queue_table" AS job
        WHERE job.id = $2::bigint AND job.queue_manager_id IS NOT DISTINCT FROM $3::uuid
    ) AS held;
