"""Loading what `pgq run` is pointed at."""

from __future__ import annotations

from pgqueuer.adapters.cli.factories import load_factory, validate_factory_result

__all__ = ["load_factory", "validate_factory_result"]
