"""Whether a snapshot fits on the disk: asked before the work, so that hours are not spent on what cannot be stored."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import StoredFile
from tiktok_pipeline.ingest.snapshot_rows import is_external
from tiktok_pipeline.raw.schema import SOURCES
from tiktok_pipeline.settings import Settings

BYTES_A_ROW = 110
"""What validated rows take, compressed, in the warehouse; as much again in the copy for readers."""

RAW_BYTES_A_ROW = 125
"""What the texts of a delivered row take in the warehouse, where they are not left in their file."""

BYTES_AN_ASSIGNMENT = 26
"""What a profile's segment in one study takes, in the warehouse and again in the copy for readers."""


class InsufficientDiskSpaceError(PipelineError):
    """The disk cannot hold what a snapshot needs; nothing was begun."""

    code = "insufficient_disk_space"


def needed_bytes(manifest: Sequence[StoredFile], *, published_bytes: int) -> int:
    """What a refresh for one study needs beside the files of the snapshot, about; the old copy stays while the new is made.

    The figures a row are measured on synthetic profiles, see docs/scaling.md; longer biographies take more.
    """
    rows = sum(one.rows for one in manifest)
    stored = sum(
        one.rows
        for source in SOURCES
        if not is_external(manifest, source)
        for one in manifest
        if one.source == source.name
    )
    return 2 * rows * (BYTES_A_ROW + BYTES_AN_ASSIGNMENT) + stored * RAW_BYTES_A_ROW + published_bytes


def check_disk_space(settings: Settings, snapshot: str, manifest: Sequence[StoredFile]) -> None:
    """Raise `InsufficientDiskSpaceError` where the disk of the home has less room than the snapshot needs."""
    published = settings.published_file
    needed = needed_bytes(manifest, published_bytes=published.stat().st_size if published.exists() else 0)
    free = shutil.disk_usage(settings.home).free
    if needed > free:
        rows = sum(one.rows for one in manifest)
        msg = (
            f"snapshot {snapshot}: its {rows:,} rows need about {needed / 1e9:,.1f} GB of disk beside their files, "
            f"{free / 1e9:,.1f} GB are free in {settings.home}; nothing was begun. Make room (`tiktok-pipeline prune`), "
            "or put the home on a larger disk (TIKTOK_PIPELINE_HOME)"
        )
        raise InsufficientDiskSpaceError(msg)
