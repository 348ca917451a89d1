"""The `pgq` command."""
