-- Enqueues one job in the caller's transaction and returns its id, NULL if it was skipped. It may
-- do what its caller may do. The search path is that of the installation, so that whoever calls
-- it, from wherever, means the same tables; temporary tables come last, or a caller's own could
-- take the place of the queue, and run its triggers with the rights of a SECURITY DEFINER function.
CREATE OR REPLACE FUNCTION :"queue_table__enqueue"(
    entrypoint text,
    payload bytea DEFAULT NULL,
    priority int DEFAULT 0,
    delay interval DEFAULT NULL,
    dedupe_key text DEFAULT NULL,
    headers jsonb DEFAULT NULL,
    on_conflict text DEFAULT 'raise',
    payload_json jsonb DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $function$
#variable_conflict use_column
DECLARE
    due CONSTANT timestamptz := now() + coalesce(delay, interval '0');
    data CONSTANT bytea := coalesce(payload, convert_to(payload_json::text, 'UTF8'));
    job_id bigint;
BEGIN
    PERFORM set_config(
        'search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true
    );
    IF coalesce(entrypoint, '') = '' THEN
        RAISE 'entrypoint must not be empty' USING ERRCODE = 'invalid_parameter_value';
    ELSIF length(entrypoint) > 512 THEN
        RAISE 'entrypoint must have at most 512 characters, got %', length(entrypoint)
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(dedupe_key) > 2000 THEN
        RAISE 'dedupe_key must have at most 2000 bytes, got %; use a hash of it',
            octet_length(dedupe_key)
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF payload IS NOT NULL AND payload_json IS NOT NULL THEN
        RAISE 'give payload or payload_json, not both' USING ERRCODE = 'invalid_parameter_value';
    ELSIF jsonb_typeof(headers) NOT IN ('object', 'null') THEN
        RAISE 'headers must be a JSON object or NULL, got %', jsonb_typeof(headers)
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF NOT isfinite(due) THEN
        RAISE 'delay must be finite' USING ERRCODE = 'invalid_parameter_value';
    ELSIF on_conflict = 'raise' THEN
        INSERT INTO :"queue_table" (
            priority, entrypoint, payload, execute_after, headers, dedupe_key, status
        )
        VALUES (priority, entrypoint, data, due, nullif(headers, 'null'), dedupe_key, 'queued')
        RETURNING id INTO job_id;
    ELSIF on_conflict = 'skip' THEN
        INSERT INTO :"queue_table" (
            priority, entrypoint, payload, execute_after, headers, dedupe_key, status
        )
        VALUES (priority, entrypoint, data, due, nullif(headers, 'null'), dedupe_key, 'queued')
        ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL
        DO NOTHING
        RETURNING id INTO job_id;
    ELSE
        RAISE 'on_conflict must be raise or skip, got %', coalesce(on_conflict, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO :"queue_table_log" (job_id, status, entrypoint, priority)
    SELECT job_id, 'queued', entrypoint, priority
    WHERE job_id IS NOT NULL;
    RETURN job_id;
END
$function$;
