-- Tells listeners that the queue changed. `sent_at` is the start of the transaction, so that
-- however many statements a transaction has, PostgreSQL sends one message for them.
CREATE OR REPLACE FUNCTION :"function"() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM pg_notify(
        :'channel',
        json_build_object(
            'channel', :'channel',
            'operation', lower(TG_OP),
            'sent_at', now(),
            'table', TG_TABLE_NAME,
            'type', 'table_changed_event'
        )::text
    );
    RETURN NULL;
END
$function$;
