-- The backlog by priority, for workers of 1.x.
CREATE INDEX :"queue_table_name__priority_id_id1_idx" ON :"queue_table"
    (priority ASC, id DESC) INCLUDE (id)
    WHERE status = 'queued';
