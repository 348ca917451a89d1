"""Suites that say whether an implementation of a port does what the library relies on."""
