"""Find the report of a snapshot."""

from __future__ import annotations

from pathlib import Path

from tiktok_pipeline.errors import PipelineError


class ReportNotFoundError(PipelineError):
    """There is no report, or none of the snapshot."""

    code = "no_report"


def find_report(folder: Path, snapshot: str | None) -> Path:
    """Return the report of a snapshot, of the newest one if ``snapshot`` is None.

    The key is compared with the names of the files that exist; it never becomes part of a path.

    Raises
    ------
    ReportNotFoundError
        If there is no such report.
    """
    pages = {path.stem: path for path in sorted(folder.glob("*.html"))}
    if not pages:
        msg = f"no report in {folder} yet"
        raise ReportNotFoundError(msg, remedy="run `tiktok-pipeline refresh FILE` first")
    if snapshot is None:
        return pages[max(pages)]
    if snapshot not in pages:
        msg = f"no report of snapshot {snapshot}; the reports are: {', '.join(pages)}"
        raise ReportNotFoundError(msg)
    return pages[snapshot]
