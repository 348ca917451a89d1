-- For claim_limited.sql, which counts the jobs that run.
CREATE INDEX plain_job_running ON plain_job (entrypoint) WHERE owner IS NOT NULL;
