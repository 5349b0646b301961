"""Finds the page of a snapshot."""

from __future__ import annotations

from pathlib import Path


def find_report(folder: Path, snapshot: str | None) -> Path | str:
    """The page of a snapshot, the newest one unless given; or a sentence that says why there is none.

    A key is compared with the names that are there, and never becomes part of a path.
    """
    pages = {path.stem: path for path in sorted(folder.glob("*.html"))}
    if not pages:
        return f"no report in {folder} yet; run `tiktok-pipeline refresh FILE`"
    if snapshot is None:
        return pages[max(pages)]
    if snapshot not in pages:
        return f"no report of snapshot {snapshot}; there are: {', '.join(pages)}"
    return pages[snapshot]
