"""Check that a snapshot fits on the disk before the work begins, not after hours of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import StoredFile
from tiktok_pipeline.ingest.snapshot_rows import is_external
from tiktok_pipeline.raw.schema import SOURCES
from tiktok_pipeline.settings import Settings

BYTES_PER_ROW = 110
"""Compressed size of a validated row in the warehouse; the published file needs as much again."""

RAW_BYTES_PER_ROW = 125
"""Compressed size of a delivered row's texts in the warehouse, unless they stay in their file."""

BYTES_PER_ASSIGNMENT = 26
"""Size of a profile's segment in one study, in the warehouse and again in the published file."""


VIDEO_BYTES_PER_BYTE, VIDEO_BYTES_PER_PACKED_BYTE = 0.3, 1.5
"""Size of the listed videos in the warehouse for each byte of a file of profiles, plain or compressed: a link of 62
characters becomes a row of 20 bytes."""


class InsufficientDiskSpaceError(PipelineError):
    """The disk cannot hold what a snapshot needs; nothing was written."""

    code = "insufficient_disk_space"


def needed_bytes(manifest: Sequence[StoredFile], *, published_bytes: int) -> int:
    """Estimate what a refresh of one study writes beside the files of the snapshot.

    Sizes per row were measured on synthetic profiles, see ``docs/scaling.md``; longer biographies need more.

    Parameters
    ----------
    manifest : sequence of StoredFile
        The files of the snapshot.
    published_bytes : int
        Size of the published file; the old one stays while the new one is written.

    Returns
    -------
    int
        Bytes.
    """
    rows = sum(entry.rows for entry in manifest)
    rows_in_warehouse = sum(
        entry.rows
        for source in SOURCES
        if not is_external(manifest, source)
        for entry in manifest
        if entry.source == source.name
    )
    tables = 2 * rows * (BYTES_PER_ROW + BYTES_PER_ASSIGNMENT)
    tables += 2 * sum(_bytes_of_listed_videos(entry) for entry in manifest)
    return tables + rows_in_warehouse * RAW_BYTES_PER_ROW + published_bytes


def _bytes_of_listed_videos(entry: StoredFile) -> int:
    """Return at most how large the videos are that the profiles of a file list; their links may fill the file."""
    if "top_videos" not in entry.columns:
        return 0
    is_packed = entry.file.endswith((".gz", ".parquet"))
    return int(entry.bytes * (VIDEO_BYTES_PER_PACKED_BYTE if is_packed else VIDEO_BYTES_PER_BYTE))


def bytes_in_words(size: int) -> str:
    """Return a size in GB, or in MB below one GB.

    Examples
    --------
    >>> bytes_in_words(31_800_000_000), bytes_in_words(2_000_000)
    ('31.8 GB', '2.0 MB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1_000_000_000 else f"{size / 1e6:,.1f} MB"


def check_disk_space(settings: Settings, snapshot: str, manifest: Sequence[StoredFile]) -> None:
    """Raise `InsufficientDiskSpaceError` if the disk of the home has less free space than the snapshot needs."""
    published = settings.published_file
    needed = needed_bytes(manifest, published_bytes=published.stat().st_size if published.exists() else 0)
    free = shutil.disk_usage(settings.home).free
    if needed > free:
        rows = sum(entry.rows for entry in manifest)
        raise InsufficientDiskSpaceError(
            f"snapshot {snapshot}: its {rows:,} rows need about {bytes_in_words(needed)} of disk in addition to "
            f"their files, but only {bytes_in_words(free)} is free in {settings.home}; nothing was written",
            remedy=(
                "free disk space (`tiktok-pipeline prune`), or move the home to a larger disk (TIKTOK_PIPELINE_HOME)"
            ),
        )
