ALTER TABLE :"queue_table" ADD COLUMN IF NOT EXISTS queue_manager_id UUID;
