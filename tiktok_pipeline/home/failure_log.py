"""One line for each run that failed, in a file of the home that a person, or a program, can watch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tiktok_pipeline.safe_text import one_line

LARGEST_BYTES = 1_000_000
"""From here on the file is begun anew; the one before is kept as ``failures.log.1``."""

_SHOWN_CHARACTERS = 400


def log_failure(file: Path, *, run_id: str, step: str, why: str, tags: Mapping[str, str]) -> None:
    """Append the line of a run; a run that has one already gets no other."""
    if file.exists() and run_id in file.read_text(encoding="utf-8"):
        return
    if file.exists() and file.stat().st_size > LARGEST_BYTES:
        file.replace(file.with_name(f"{file.name}.1"))
    snapshot = tags.get("tiktok_pipeline/snapshot") or tags.get("dagster/partition") or "-"
    shown = one_line(why, max_characters=_SHOWN_CHARACTERS)
    files = one_line(tags.get("tiktok_pipeline/files", "-"))
    now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{now} run={run_id} snapshot={snapshot} files={files} step={step}: {shown}\n")
