-- The channel that the function $2 in schema $1, or in the current one, names first; no row if
-- there is no such function, NULL if it names none.
SELECT
    replace(
        (regexp_match(procedure.prosrc, 'pg_notify\s*\(\s*''((?:[^'']|'''')+)'''))[1],
        '''''',
        ''''
    ) AS channel
FROM pg_proc AS procedure
JOIN pg_namespace AS namespace ON namespace.oid = procedure.pronamespace
WHERE namespace.nspname = coalesce($1::text, current_schema())
    AND procedure.proname = $2::text
    AND procedure.pronargs = 0;
