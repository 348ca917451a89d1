-- Counts are made, raised, and deleted when they are old.
GRANT
    SELECT,
    DELETE,
    INSERT (count, created, priority, status, entrypoint),
    UPDATE (count)
ON :"statistics_table" TO :"role";
