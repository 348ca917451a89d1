"""Liveness and readiness of a worker over HTTP, for Kubernetes and the like."""
