-- Installations under any prefix, as seen from a table that each of them has.
SELECT namespace.nspname::text AS schema, class.relname::text AS table
FROM pg_class AS class
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p') AND class.relname LIKE '%pgqueuer\_schedules'
ORDER BY 1, 2
LIMIT 10;
