-- Leases in the order in which they expire.
CREATE INDEX :"queue_table_name__picked_heartbeat_idx" ON :"queue_table"
    (heartbeat)
    WHERE status = 'picked';
