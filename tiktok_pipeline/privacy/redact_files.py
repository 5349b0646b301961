"""Rewrite the stored files of a home without the records of suppressed creators and without mentions of them."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.home.cleanup import STAGING_PREFIX
from tiktok_pipeline.home.manifest import StoredFile, file_sha256, read_manifest, snapshots_on_disk, store_files
from tiktok_pipeline.privacy.mentions import is_handle
from tiktok_pipeline.privacy.redact import redact
from tiktok_pipeline.privacy.suppression import SuppressionList, suppressed_rows
from tiktok_pipeline.raw.dialects import source_named
from tiktok_pipeline.raw.read import read_stored_file
from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.warehouse.base import Engine


def redact_stored_files(raw: Path, suppression: SuppressionList, *, handles: Collection[str], engine: Engine) -> int:
    """Rewrite each stored file that has a record of a suppressed creator or mentions one of ``handles``.

    A file that holds nothing else is removed from its snapshot.

    Parameters
    ----------
    raw : Path
        The folder of the snapshots.
    suppression : SuppressionList
        The creators whose records are blanked.
    handles : collection of str
        The handles whose mentions ("@handle") are replaced; what is not a handle is ignored.
    engine : Engine
        The engine that reads the files.

    Returns
    -------
    int
        The number of blanked records.

    Raises
    ------
    UnreadableFileError, RedactionError
        If a file cannot be read or rewritten; the files before it are already rewritten.
    """
    mentions = sorted(filter(is_handle, handles))
    blanked = 0
    for snapshot in snapshots_on_disk(raw):
        for entry in read_manifest(raw / snapshot):
            source = source_named(entry.source)
            rows = _read_entry(raw / snapshot / entry.file, entry, engine)
            ordinals = {row.source_row for row in suppressed_rows(rows, source, suppression, engine)}
            if ordinals or _has_mention(rows, source, mentions):
                _redact_stored_file(raw / snapshot, entry, ordinals, mentions, engine)
            blanked += len(ordinals)
    return blanked


def _redact_stored_file(
    folder: Path, entry: StoredFile, ordinals: Collection[int], mentions: list[str], engine: Engine
) -> None:
    others = [other for other in read_manifest(folder) if other.file != entry.file]
    with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=folder.parent) as staging:
        target = Path(staging) / entry.file
        redact(folder / entry.file, target, rows=ordinals, mentions=mentions)
        redacted = replace(
            entry,
            stored_sha256=file_sha256(target),
            bytes=target.stat().st_size,
            forgotten_rows=tuple(sorted({*entry.forgotten_rows, *ordinals})),
        )
        if is_readable(target, redacted, engine):
            store_files(folder, {entry.file: target}, [*others, redacted])
        else:  # without its records of suppressed creators the file has no columns left
            store_files(folder, {}, others)


def is_readable(path: Path, entry: StoredFile, engine: Engine) -> bool:
    """Return whether a rewritten file still fits its dialect and has as many records as ``entry`` lists."""
    try:
        rows = _read_entry(path, entry, engine)
        with engine.reading(path):
            return count_rows(rows) == entry.rows
    except FileError:
        return False


def _read_entry(path: Path, entry: StoredFile, engine: Engine) -> nw.LazyFrame[Any]:
    return read_stored_file(
        path,
        dialect=entry.dialect,
        source=entry.source,
        columns=entry.columns,
        engine=engine,
        forgotten=entry.forgotten_rows,
    )


def _has_mention(rows: nw.LazyFrame[Any], source: Source, handles: Collection[str]) -> bool:
    if not handles:
        return False
    mentions = [
        nw.col(name).str.to_lowercase().str.contains(f"@{handle.lower()}", literal=True)
        for name in (*source.columns, "extra", "read_problem")
        for handle in handles
    ]
    return count_rows(rows.filter(nw.any_horizontal(*mentions, ignore_nulls=True))) > 0
