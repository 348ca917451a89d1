"""`python -m pgqueuer.adapters.mcp`: the same as `pgq mcp`."""

from __future__ import annotations

import sys

from pgqueuer.adapters.cli.cli import app

if __name__ == "__main__":
    app(["mcp", *sys.argv[1:]], prog_name="python -m pgqueuer.adapters.mcp")
