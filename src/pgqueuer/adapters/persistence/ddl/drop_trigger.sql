DROP TRIGGER IF EXISTS :"trigger" ON :"queue_table";
