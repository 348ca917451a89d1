ALTER TABLE :"queue_table_log" ADD COLUMN IF NOT EXISTS traceback JSONB;
