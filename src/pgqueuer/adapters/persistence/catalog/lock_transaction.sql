-- Whoever changes the schema waits here for the others, until its transaction ends.
SELECT pg_advisory_xact_lock(:'key'::bigint);
