"""Writes the pages of the documentation that follow from the package, at each build.

Each module renders one page or part of a page as Markdown, reStructuredText or SVG. Nothing it writes is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from generate import commands, diagram, dialects, dictionary, folders, measurements, reference, studies, verdicts


def write_pages(docs: Path) -> None:
    """Write every generated file below ``docs`` and remove those of an earlier build that are no longer made."""
    parts = {
        "architecture.svg": diagram.render(),
        "commands.md": commands.render(),
        "dialects.md": dialects.render(),
        "dictionary.md": dictionary.render(),
        "folders.md": folders.render(),
        "measured_compare.md": measurements.render_compare(),
        "measured_engines.md": measurements.render_engines(),
        "measured_many.md": measurements.render_many(),
        "measured_profile.md": measurements.render_profile(),
        "measured_scale.md": measurements.render_scale(),
        "measured_sizes.md": measurements.render_sizes(),
        "verdicts.md": verdicts.render(),
    }
    _write(docs / "_generated", parts)
    _write(docs / "api", {f"{name}.rst": text for name, text in reference.render().items()})
    _write(docs / "studies", {f"{name}.md": text for name, text in studies.render().items()})


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files; one whose text is unchanged keeps its time stamp, so that Sphinx does not read it again."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
