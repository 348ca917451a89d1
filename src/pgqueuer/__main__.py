"""`python -m pgqueuer` is `pgq`."""

from __future__ import annotations

from pgqueuer.adapters.cli.cli import main

if __name__ == "__main__":
    main()
