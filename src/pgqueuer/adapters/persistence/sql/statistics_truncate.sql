-- Forgets the statistics.
TRUNCATE TABLE :"statistics_table";
