"""A folder of distributions as pip leaves them, read with the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from textwrap import dedent

from pgqueuer.plugins.registry import PluginRegistry


@dataclass(frozen=True, kw_only=True)
class Site:
    folder: Path

    def module(self, name: str, source: str) -> None:
        (self.folder / f"{name}.py").write_text(dedent(source))

    def distribution(self, name: str, version: str, entry_points: Mapping[str, str]) -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{key} = {value}" for key, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[pgqueuer]", *lines, ""]))

    def plugin(self, name: str, source: str, *, version: str = "1.0") -> None:
        """One distribution, one entry point and one module, all of one name."""
        module = f"site_{name.replace('-', '_')}"
        self.module(module, source)
        self.distribution(name, version, {name: module})

    def entry_points(self) -> list[metadata.EntryPoint]:
        found = metadata.distributions(path=[str(self.folder)])
        return [point for one in found for point in one.entry_points.select(group="pgqueuer")]

    def load(self, *, bundled_only: bool = False, **environment: str) -> PluginRegistry:
        return PluginRegistry.load(
            environment, bundled_only=bundled_only, entry_points=self.entry_points()
        )
