-- Transitions counted by second, folded from the log.
CREATE :persistence TABLE :"statistics_table" (
    id BIGSERIAL PRIMARY KEY,
    created TIMESTAMPTZ NOT NULL DEFAULT date_trunc('sec', now()),
    count BIGINT NOT NULL,
    priority INT NOT NULL,
    status :"queue_status_type" NOT NULL,
    entrypoint TEXT NOT NULL
);
