-- Roles belong to the whole server, so this one may be there already.
DO $block$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') THEN
        CREATE ROLE :"role" NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        RAISE NOTICE 'someone else has created the role, skipping';
END
$block$;
