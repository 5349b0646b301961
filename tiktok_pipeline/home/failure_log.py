"""The log of failures: one line for each failed run, in a file that a person or a program can watch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tiktok_pipeline.safe_text import one_line

LARGEST_BYTES = 1_000_000
"""A log that is larger is kept as ``failures.log.1``, in place of an older one, and a new log begins."""

_MESSAGE_CHARACTERS = 400


def log_failure(file: Path, *, run_id: str, step: str, message: str, tags: Mapping[str, str]) -> None:
    """Append the line of a failed run; a run that has a line in the log gets no second one.

    Parameters
    ----------
    file : Path
        The log; created if it is missing.
    run_id, step : str
        Dagster's identifier of the run, and the step that failed.
    message : str
        Why it failed; cut, and made safe for a terminal.
    tags : mapping of str to str
        The tags of the run, which name its snapshot and files.
    """
    if file.exists() and run_id in file.read_text(encoding="utf-8"):
        return
    if file.exists() and file.stat().st_size > LARGEST_BYTES:
        file.replace(file.with_name(f"{file.name}.1"))
    snapshot = tags.get("tiktok_pipeline/snapshot") or tags.get("dagster/partition") or "-"
    message = one_line(message, max_characters=_MESSAGE_CHARACTERS)
    files = one_line(tags.get("tiktok_pipeline/files", "-"))
    now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{now} run={run_id} snapshot={snapshot} files={files} step={step}: {message}\n")
