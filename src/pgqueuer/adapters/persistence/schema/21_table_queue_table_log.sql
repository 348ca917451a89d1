-- One row for every transition of a job.
CREATE :persistence TABLE :"queue_table_log" (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created TIMESTAMPTZ NOT NULL DEFAULT now(),
    job_id BIGINT NOT NULL,
    status :"queue_status_type" NOT NULL,
    priority INT NOT NULL,
    entrypoint TEXT NOT NULL,
    traceback JSONB,
    aggregated BOOLEAN DEFAULT FALSE
);
