pytest_plugins = ["pgqueuer.testing.fixtures"]
