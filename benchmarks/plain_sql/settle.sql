-- Removes the jobs $1, which worker $2 has done.
DELETE FROM plain_job WHERE id = ANY ($1::bigint[]) AND owner = $2;
