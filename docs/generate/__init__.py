"""Writes the pages of the documentation that follow from the package, at each build.

Each module renders one page or part of a page as Markdown or SVG. Nothing it writes is committed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from generate import commands, diagram, dialects, dictionary, measurements, studies, verdicts


def write_pages(docs: Path) -> None:
    """Write every generated file below ``docs``; a file whose text is unchanged keeps its time stamp."""
    files = {
        "_generated/architecture.svg": diagram.render(),
        "_generated/commands.md": commands.render(),
        "_generated/dialects.md": dialects.render(),
        "_generated/dictionary.md": dictionary.render(),
        "_generated/measured_compare.md": measurements.render_compare(),
        "_generated/measured_many.md": measurements.render_many(),
        "_generated/measured_scale.md": measurements.render_scale(),
        "_generated/measured_sizes.md": measurements.render_sizes(),
        "_generated/verdicts.md": verdicts.render(),
        **{f"studies/{name}.md": text for name, text in studies.render().items()},
    }
    for name, text in files.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in (docs / "studies").glob("*.md"):
        if f"studies/{path.name}" not in files:
            path.unlink()
    if _stubs(docs / "api") != _modules(docs.parent / "tiktok_pipeline"):
        shutil.rmtree(docs / "api", ignore_errors=True)  # autosummary never removes the page of a module


def _stubs(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.rst")}


def _modules(package: Path) -> set[str]:
    files = (path.relative_to(package.parent).with_suffix("") for path in package.rglob("*.py"))
    names = {".".join(path.parts).removesuffix(".__init__") for path in files}
    return names - {f"{package.name}.__main__"}
