-- Jobs that are queued, picked or held; a job that ended is gone from here.
CREATE :persistence TABLE :"queue_table" (
    id BIGSERIAL PRIMARY KEY,
    priority INT NOT NULL,
    queue_manager_id UUID,
    created TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated TIMESTAMPTZ NOT NULL DEFAULT now(),
    heartbeat TIMESTAMPTZ NOT NULL DEFAULT now(),
    execute_after TIMESTAMPTZ NOT NULL DEFAULT now(),
    status :"queue_status_type" NOT NULL,
    entrypoint TEXT NOT NULL,
    dedupe_key TEXT,
    payload BYTEA,
    headers JSONB,
    attempts INT NOT NULL DEFAULT 0,
    slot BIGINT,
    takeovers INT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
