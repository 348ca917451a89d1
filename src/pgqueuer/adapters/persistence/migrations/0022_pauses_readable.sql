-- A claim reads the table of pauses, so whoever may read the whole queue may read that too.
DO $block$
DECLARE
    role text;
BEGIN
    FOR role IN
        SELECT coalesce(quote_ident(grantee.rolname), 'PUBLIC')
        FROM pg_class AS class
        CROSS JOIN LATERAL aclexplode(class.relacl) AS given
        LEFT JOIN pg_roles AS grantee ON grantee.oid = given.grantee
        WHERE class.oid = :'queue_table_regclass'::regclass
            AND given.privilege_type = 'SELECT'
            AND given.grantee <> class.relowner
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', :'pauses_table_regclass'::regclass, role);
    END LOOP;
END
$block$;
