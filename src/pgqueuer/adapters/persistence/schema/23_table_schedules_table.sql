-- What runs again and again, and when it is due.
CREATE :persistence TABLE :"schedules_table" (
    id BIGSERIAL PRIMARY KEY,
    expression TEXT NOT NULL,
    entrypoint TEXT NOT NULL,
    heartbeat TIMESTAMPTZ NOT NULL DEFAULT now(),
    created TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated TIMESTAMPTZ NOT NULL DEFAULT now(),
    next_run TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_run TIMESTAMPTZ,
    status :"queue_status_type" DEFAULT 'queued',
    due TIMESTAMPTZ,
    paused_next_run TIMESTAMPTZ,
    UNIQUE (expression, entrypoint)
);
