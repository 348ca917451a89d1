-- It runs with the rights of its caller. Everybody may, unless someone revoked that.
GRANT EXECUTE ON FUNCTION
    :"queue_table__enqueue"(text, bytea, int, interval, text, jsonb, text, jsonb)
TO :"role";
