"""How files are ingested into a home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.privacy.suppression import SuppressionList
from tiktok_pipeline.raw.dialects import Dialect
from tiktok_pipeline.warehouse.base import Engine


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """The settings of a home that ingestion needs.

    Attributes
    ----------
    raw : Path
        The folder of the snapshots.
    engine : Engine
        The engine that reads the files.
    largest_bytes : int, optional
        The largest accepted size of a file, unpacked.
    suppression : SuppressionList, optional
        The creators whose records are not stored.
    dialects : tuple of Dialect
        The user's own dialects.
    receipts : Path, optional
        The file that lists what was registered before, see `tiktok_pipeline.ingest.receipts`.
    """

    raw: Path
    engine: Engine
    largest_bytes: int | None = None
    suppression: SuppressionList | None = None
    dialects: tuple[Dialect, ...] = ()
    receipts: Path | None = None
