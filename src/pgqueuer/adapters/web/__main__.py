"""`python -m pgqueuer.adapters.web`: the same as `pgq web`."""

from __future__ import annotations

from pgqueuer.adapters.cli.cli import app

if __name__ == "__main__":
    app(["web"], prog_name="python -m pgqueuer.adapters.web")
