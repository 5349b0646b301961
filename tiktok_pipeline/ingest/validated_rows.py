"""Read one file as a refresh reads it, up to its validated rows, without storing it in a home."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tiktok_pipeline.home.manifest import read_manifest
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.ingest.snapshot_rows import raw_rows
from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.validated.formats.formats import Formats
from tiktok_pipeline.validated.schema import REJECTED_TABLE, TABLES
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.warehouse.base import UnreadableFileError, Warehouse

PART = {"snapshot": "file"}
"""The slice of ``validated.<source>`` and ``validated.rejected`` that holds the rows of the file."""


def store_validated_rows(
    path: Path, source: Source, config: IngestConfig, options: IngestOptions, warehouse: Warehouse
) -> None:
    """Validate the rows of a file and store them in the slices `PART` of a warehouse in memory.

    Parameters
    ----------
    path : Path
        A file that a refresh reads.
    source : Source
        The source of the rows to read; rows of another source are left out.
    config : IngestConfig
        The settings of the home. Its folder of snapshots stays as it is.
    options : IngestOptions
        What the person says about the file. Its rows need no date.
    warehouse : Warehouse
        Where the rows are stored.

    Raises
    ------
    FileError
        If the file cannot be read, or has no rows of the source.
    """
    today = datetime.now(tz=UTC).date().isoformat()
    with tempfile.TemporaryDirectory(prefix="tiktok-pipeline-") as folder:
        raw = Path(folder)
        register(
            [path],
            replace(config, raw=raw, engine=warehouse, receipts=None),
            replace(options, snapshot=today, newest=True),
        )
        rows = raw_rows(raw / today, source, warehouse)
        if rows is None:
            raise UnreadableFileError(
                f"{path.name}: has no rows of {source.name.replace('_', ' ')}",
                remedy="name a file of the source that the study reads",
            )
        manifest = read_manifest(raw / today)
        formats = {entry.file: Formats.from_dict(entry.formats) for entry in manifest}
        result = validate_source(
            rows,
            source,
            warehouse,
            formats={file: entry for file, entry in formats.items() if not entry.is_canonical},
            columns={entry.file: tuple(entry.columns) for entry in manifest if entry.columns},
        )
        warehouse.replace_slice(TABLES[source.name], PART, result.valid)
        warehouse.replace_slice(REJECTED_TABLE, PART, result.rejected)
        warehouse.unpersist_all()
