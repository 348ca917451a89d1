"""The chapters of `pgqueuer.testing.driver`."""
