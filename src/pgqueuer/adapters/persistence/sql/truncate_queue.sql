-- Empties the queue; nothing is logged.
TRUNCATE TABLE :"queue_table";
