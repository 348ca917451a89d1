-- Leaves one row a bucket, as the unique index wants it, with the counts summed; where the index
-- is built in the same transaction, nobody writes in between.
DO $block$
BEGIN
    LOCK TABLE :"statistics_table" IN SHARE ROW EXCLUSIVE MODE;
    WITH bucket AS (
        SELECT min(id) AS kept, sum(count) AS total, array_agg(id) AS ids
        FROM :"statistics_table"
        GROUP BY priority, date_trunc('sec', timezone('UTC', created)), status, entrypoint
        HAVING count(*) > 1
    ),
    surplus AS (
        DELETE FROM :"statistics_table" AS counted
        USING bucket
        WHERE counted.id = ANY (bucket.ids) AND counted.id <> bucket.kept
    )
    UPDATE :"statistics_table" AS counted
    SET count = bucket.total
    FROM bucket
    WHERE counted.id = bucket.kept;
END
$block$;
