-- One job for each payload.
INSERT INTO plain_job (entrypoint, payload) SELECT $1, unnest($2::bytea[]) RETURNING id;
