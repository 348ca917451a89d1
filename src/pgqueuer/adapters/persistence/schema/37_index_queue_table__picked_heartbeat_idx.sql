-- Leases in the order in which they expire, and what each worker holds: one index for both, as
-- every claim pays for it. The predicate is wide so that questions about either can use it.
CREATE INDEX :"queue_table_name__picked_heartbeat_idx" ON :"queue_table"
    (heartbeat, queue_manager_id)
    WHERE status = 'picked' OR queue_manager_id IS NOT NULL;
