-- The entrypoints of which nobody claims a job until somebody resumes them.
CREATE :persistence TABLE :"pauses_table" (
    entrypoint TEXT PRIMARY KEY,
    since TIMESTAMPTZ NOT NULL DEFAULT now(),
    reason TEXT
);
