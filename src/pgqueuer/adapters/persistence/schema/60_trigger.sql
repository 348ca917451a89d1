-- New jobs and an emptied queue are told; UPDATE and DELETE are not, or every claim and every
-- result would wake all workers.
CREATE OR REPLACE TRIGGER :"trigger"
    AFTER INSERT OR TRUNCATE ON :"queue_table"
    FOR EACH STATEMENT EXECUTE FUNCTION :"function"();
