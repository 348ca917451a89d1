-- One picked job a seat: makes a concurrency limit exact.
CREATE UNIQUE INDEX :"queue_table_name__picked_slot_idx" ON :"queue_table"
    (entrypoint, slot)
    WHERE status = 'picked' AND slot IS NOT NULL;
