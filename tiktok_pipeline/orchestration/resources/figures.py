"""Draws each picture once: a small PNG as metadata of its asset, and an SVG in the home, from which the report is made.

What is drawn is decided by the assets; how, by `tiktok_pipeline.reports`. No HTML here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import InitResourceContext, MetadataValue, ResourceDefinition

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.orchestration.metadata import picture
from tiktok_pipeline.plots.render import png, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARED = "shared"
"""The group of the pictures that belong to no study."""

_FILE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)\.([0-9]{2})\.([a-z][a-z0-9_]*)\.svg")


class FigureStore:
    """The pictures of a home: ``<folder>/<snapshot>/<group>.<step>.<place>.<name>.svg``."""

    def __init__(self, folder: Path, *, are_drawn: bool = True) -> None:
        self._folder = folder
        self._are_drawn = are_drawn

    def replace(
        self, snapshot: str, *, group: str, step: str, draw: Callable[[], Mapping[str, Figure]]
    ) -> dict[str, MetadataValue]:
        """Put the pictures of one step in place of those that it drew before; gives them back as metadata.

        ``draw`` makes them; it is not called where no pictures are wanted.
        """
        figures = draw() if self._are_drawn else {}
        folder = self._folder / snapshot
        folder.mkdir(parents=True, exist_ok=True)
        shown: dict[str, MetadataValue] = {}
        written = set()
        for place, (name, figure) in enumerate(figures.items()):
            target = folder / f"{group}.{step}.{place:02d}.{name}.svg"
            shown[name] = picture(png(figure))
            atomic_write_text(target, svg(figure, f"{group}-{name}"))
            written.add(target)
        for old in set(folder.glob(f"{group}.{step}.*.svg")) - written:
            old.unlink()
        return shown

    def of_snapshot(self, snapshot: str) -> dict[str, dict[str, str]]:
        """The SVG texts of a snapshot: group -> name -> text, in the order of steps and of drawing."""
        found: dict[str, dict[str, str]] = {}
        for path in sorted((self._folder / snapshot).glob("*.svg")):
            parts = _FILE.fullmatch(path.name)
            if parts:
                found.setdefault(parts[1], {})[parts[4]] = path.read_text(encoding="utf-8")
        return found


def figures_resource(folder: Path, *, are_drawn: bool) -> ResourceDefinition:
    """The pictures of a home, as a resource of the run."""

    def provide(_: InitResourceContext) -> Iterator[FigureStore]:
        yield FigureStore(folder, are_drawn=are_drawn)

    return ResourceDefinition(resource_fn=provide, description=f"SVG pictures in {folder}")
