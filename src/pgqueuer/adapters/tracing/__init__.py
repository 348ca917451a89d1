"""Tracers of well-known products, one module each; this package exports nothing."""
