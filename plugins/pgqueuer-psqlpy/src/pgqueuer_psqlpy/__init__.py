"""A driver for PgQueuer over psqlpy."""
