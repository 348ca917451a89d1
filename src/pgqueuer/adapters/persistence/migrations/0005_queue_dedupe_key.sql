ALTER TABLE :"queue_table" ADD COLUMN IF NOT EXISTS dedupe_key TEXT;
