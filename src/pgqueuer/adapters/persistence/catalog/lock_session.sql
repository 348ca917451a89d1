-- Waits for the advisory lock $1 and holds it until it is given back or the connection ends.
SELECT pg_advisory_lock($1::bigint);
