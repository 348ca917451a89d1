-- Ends the transaction unless the catalog is still the one that was planned for.
DO $guard$
BEGIN
    IF (SELECT fingerprint FROM (:catalog) AS live) <> :'fingerprint' THEN
        RAISE EXCEPTION 'the schema was changed while an upgrade was planned'
            USING ERRCODE = 'serialization_failure';
    END IF;
END
$guard$;
