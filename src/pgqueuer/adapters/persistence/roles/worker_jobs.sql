-- A worker changes what becomes of a job, never what the job is.
GRANT
    SELECT,
    DELETE,
    UPDATE (
        status, updated, heartbeat, execute_after, queue_manager_id, slot, attempts, takeovers
    )
ON :"queue_table" TO :"role";
