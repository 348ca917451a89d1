-- What a worker holds.
CREATE INDEX :"queue_table_name__queue_manager_id_idx" ON :"queue_table"
    (queue_manager_id)
    WHERE queue_manager_id IS NOT NULL;
