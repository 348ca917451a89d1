-- One job.
INSERT INTO plain_job (entrypoint, payload) VALUES ($1, $2) RETURNING id;
