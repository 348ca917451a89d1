-- The backlog of an entrypoint in claiming order.
CREATE INDEX :"queue_table_name__ep_prio_id_idx" ON :"queue_table"
    (entrypoint, priority DESC, id)
    WHERE status = 'queued';
