-- Everything, payloads and tracebacks too.
GRANT SELECT
ON :"queue_table", :"queue_table_log", :"statistics_table", :"schedules_table", :"pauses_table"
TO :"role";
