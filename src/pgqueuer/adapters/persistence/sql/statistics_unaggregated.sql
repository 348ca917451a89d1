-- How many log rows are not in the statistics yet.
SELECT count(*) AS pending FROM :"queue_table_log" AS log WHERE NOT log.aggregated;
