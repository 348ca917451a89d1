-- What went wrong, newest first; the many rows of jobs that go well are not in it.
CREATE INDEX :"queue_table_log_name__status" ON :"queue_table_log"
    (status, created DESC)
    WHERE status IN ('canceled', 'deleted', 'exception', 'failed');
