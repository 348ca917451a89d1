-- The least that a queue needs: rows, the order to take them in, and a word to those who wait.
CREATE TABLE plain_job (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entrypoint TEXT NOT NULL,
    priority INT NOT NULL DEFAULT 0,
    due TIMESTAMPTZ NOT NULL DEFAULT now(),
    owner UUID,
    payload BYTEA
) WITH (fillfactor = 50);

CREATE INDEX plain_job_waiting ON plain_job (entrypoint, priority DESC, id) WHERE owner IS NULL;

CREATE FUNCTION plain_job_sent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(current_schema(), '');
    RETURN NULL;
END
$$;

CREATE TRIGGER plain_job_sent AFTER INSERT ON plain_job
FOR EACH STATEMENT EXECUTE FUNCTION plain_job_sent();
