-- Keeps writers out from the look for duplicates to the build of the unique index.
LOCK TABLE :"table" IN SHARE ROW EXCLUSIVE MODE;
