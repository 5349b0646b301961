"""Renders the API reference: one page for each folder of the package, and one for the modules beside the folders."""

from __future__ import annotations

from pathlib import Path

import tiktok_pipeline

PACKAGE = Path(tiktok_pipeline.__file__).parent
ROOT = PACKAGE.name


def render() -> dict[str, str]:
    """Return the page of each folder; ``tiktok_pipeline`` is that of the modules beside the folders."""
    folders: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        folder = ".".join(path.relative_to(PACKAGE).parent.parts)
        if path.stem not in ("__init__", "__main__"):
            folders.setdefault(folder, []).append(path.stem)
        elif folder:
            folders.setdefault(folder, [])
    return {folder or ROOT: _page(folder, modules) for folder, modules in sorted(folders.items())}


def _page(folder: str, modules: list[str]) -> str:
    package = f"{ROOT}.{folder}" if folder else ROOT
    parts = [_title(folder or ROOT, "="), f".. automodule:: {package}"]
    for name in modules:
        parts += [_title(name, "-"), f".. automodule:: {package}.{name}\n   :members:"]
    return "\n\n".join(parts) + "\n"


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"
