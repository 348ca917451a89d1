-- Rows are added and seldom touched: there is little to clean up.
ALTER TABLE :"table" SET (
    autovacuum_vacuum_scale_factor = 0.95,
    autovacuum_vacuum_threshold = 1000000,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_analyze_threshold = 10000
);
