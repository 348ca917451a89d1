"""The markers; their project name is the prefix of every hook and the entry-point group."""

from __future__ import annotations

from typing import Final

from pluggy import HookimplMarker, HookspecMarker

PROJECT: Final = "pgqueuer"

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)
