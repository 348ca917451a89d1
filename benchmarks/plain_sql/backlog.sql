-- $1 jobs of entrypoint $2 that are due after $3; their payloads are numbers from $4.
INSERT INTO plain_job (entrypoint, payload, due)
SELECT $2, convert_to((number + $4::bigint)::text, 'UTF8'), now() + $3::interval
FROM generate_series(0, $1::bigint - 1) AS number;
