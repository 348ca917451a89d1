"""Measures the queue on your machine; `python -m benchmarks --help` tells how."""
