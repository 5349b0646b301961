"""The resource ``figures`` (Dagster concept: resource): the plots of a snapshot, as metadata and as SVG files.

The report is built from the SVG files. The assets decide what is plotted, `tiktok_pipeline.plots` how. No HTML here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import MetadataValue, ResourceDefinition

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.orchestration.metadata import figure_metadata
from tiktok_pipeline.plots.render import png, svg
from tiktok_pipeline.processes import map_in_processes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARED = "shared"
"""The group of the figures that belong to no study."""

_FILE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)\.([0-9]{2})\.([a-z][a-z0-9_]*)\.svg")


class FigureStore:
    """The figures of a home: ``<folder>/<snapshot>/<group>.<step>.<position>.<name>.svg``.

    Parameters
    ----------
    folder : Path
        Where the figures of all snapshots are stored.
    is_enabled : bool
        Whether figures are plotted at all.
    processes : int, default 1
        Processes that share the rendering, if they are running already.
    """

    def __init__(self, folder: Path, *, is_enabled: bool = True, processes: int = 1) -> None:
        self._folder = folder
        self._is_enabled = is_enabled
        self._processes = processes

    def replace(
        self, snapshot: str, *, group: str, step: str, plot: Callable[[], Mapping[str, Figure]]
    ) -> dict[str, MetadataValue]:
        """Plot the figures of one step, and replace those that it stored before.

        Parameters
        ----------
        snapshot : str
            The snapshot.
        group : str
            The study, or `SHARED`.
        step : str
            The step. The figures of a group are ordered by step, then as ``plot`` returns them.
        plot : callable
            Return the figures by name; called only if figures are enabled.

        Returns
        -------
        dict of str to MetadataValue
            Each figure as a PNG, by name.
        """
        figures = plot() if self._is_enabled else {}
        folder = self._folder / snapshot
        folder.mkdir(parents=True, exist_ok=True)
        metadata: dict[str, MetadataValue] = {}
        written = set()
        items = [(figure, f"{group}-{name}") for name, figure in figures.items()]
        rendered = map_in_processes(_render, items, processes=self._processes, starts=False)
        for position, (name, (small, full)) in enumerate(zip(figures, rendered, strict=True)):
            target = folder / f"{group}.{step}.{position:02d}.{name}.svg"
            metadata[name] = figure_metadata(small)
            atomic_write_text(target, full)
            written.add(target)
        for stale in set(folder.glob(f"{group}.{step}.*.svg")) - written:
            stale.unlink()
        return metadata

    def of_snapshot(self, snapshot: str) -> dict[str, dict[str, str]]:
        """Return the SVG texts of a snapshot by group and name, in the order of steps and positions."""
        texts: dict[str, dict[str, str]] = {}
        for path in sorted((self._folder / snapshot).glob("*.svg")):
            parts = _FILE.fullmatch(path.name)
            if parts:
                texts.setdefault(parts[1], {})[parts[4]] = path.read_text(encoding="utf-8")
        return texts


def _render(item: tuple[Figure, str]) -> tuple[bytes, str]:
    """Return a figure as a PNG and as an SVG of a name."""
    figure, name = item
    return png(figure), svg(figure, name)


def figures_resource(folder: Path, *, is_enabled: bool, processes: int = 1) -> ResourceDefinition:
    """Return the figures of a home as a resource; see `FigureStore`."""
    return ResourceDefinition(
        resource_fn=lambda _: FigureStore(folder, is_enabled=is_enabled, processes=processes),
        description=f"SVG figures in {folder}.",
    )
