-- Picked jobs by their last change.
CREATE INDEX :"queue_table_name__updated_id_id1_idx" ON :"queue_table"
    (updated ASC, id DESC) INCLUDE (id)
    WHERE status = 'picked';
