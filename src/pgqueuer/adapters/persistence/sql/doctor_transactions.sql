-- Everybody but this session who has a transaction open or keeps dead rows of this database from
-- being removed: for how many seconds (NULL: not known), and of how many transactions.
SELECT holder.kind, holder.id, holder.detail, holder.seconds, holder.held
FROM (
    SELECT
        'session' AS kind,
        activity.pid::text AS id,
        concat_ws(', ', activity.usename, activity.application_name, activity.state) AS detail,
        date_part('epoch', clock_timestamp() - activity.xact_start) AS seconds,
        greatest(age(activity.backend_xmin), age(activity.backend_xid)) AS held
    FROM pg_stat_activity AS activity
    WHERE activity.datname = current_database()
        AND activity.pid <> pg_backend_pid()
        AND coalesce(activity.backend_type, 'client backend') = 'client backend'
        AND (activity.xact_start IS NOT NULL OR activity.backend_xmin IS NOT NULL)
    UNION ALL
    SELECT
        'prepared transaction',
        prepared.gid,
        prepared.owner::text,
        date_part('epoch', clock_timestamp() - prepared.prepared),
        age(prepared.transaction)
    FROM pg_prepared_xacts AS prepared
    WHERE prepared.database = current_database()
    UNION ALL
    SELECT
        'replication slot',
        slot.slot_name::text,
        CASE WHEN slot.active THEN 'active' ELSE 'inactive' END,
        NULL,
        age(slot.xmin)
    FROM pg_replication_slots AS slot
    WHERE slot.xmin IS NOT NULL
    UNION ALL
    SELECT
        'standby',
        replication.pid::text,
        replication.application_name,
        NULL,
        age(replication.backend_xmin)
    FROM pg_stat_replication AS replication
    WHERE replication.backend_xmin IS NOT NULL
) AS holder
ORDER BY holder.seconds DESC NULLS LAST, holder.held DESC NULLS LAST;
