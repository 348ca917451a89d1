-- Forgets every transition.
TRUNCATE TABLE :"queue_table_log";
