"""The raw rows of a snapshot, read from the files that its manifest lists.

Text files are read once and stored in ``raw.<source>``. Parquet files are typed, compressed and never changed in
place: if all files of a source are Parquet, ``raw.<source>`` is external, that is, read from the files, and nothing
is stored twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw

from tiktok_pipeline.home.manifest import StoredFile, file_sha256, files_in_use, read_manifest
from tiktok_pipeline.raw.read import read_stored_file
from tiktok_pipeline.raw.schema import SOURCES, Source
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.warehouse.base import Engine, ExternalSliceReader, Slice, TableSpec, UnreadableFileError


def raw_rows(folder: Path, source: Source, engine: Engine) -> nw.LazyFrame[Any] | None:
    """Read all files of a source in a snapshot, lazily.

    Parameters
    ----------
    folder : Path
        ``raw/<snapshot>``.
    source : Source
        The source to read.
    engine : Engine
        The engine that reads the files.

    Returns
    -------
    narwhals.LazyFrame or None
        Rows of ``raw.<source>``, without ``snapshot``; None if the snapshot has no file of the source.

    Raises
    ------
    UnreadableFileError
        If a file is missing, or its size is not the one in the manifest.
    """
    parts = [_rows_of(folder / entry.file, entry, engine) for entry in _entries_of(read_manifest(folder), source)]
    return nw.concat(parts, how="vertical") if parts else None


def check_stored_files(folder: Path, manifest: Sequence[StoredFile]) -> None:
    """Check the hash of every stored file before it is read: an edit may keep the size and even the time.

    Hashing takes about 1.1 s for each GB.

    Raises
    ------
    UnreadableFileError
        If a file is missing, or is not the one that was stored.
    """
    for entry in manifest:
        path = folder / entry.file
        if not path.is_file() or path.stat().st_size != entry.bytes or file_sha256(path) != entry.stored_sha256:
            raise _changed(path)


def is_external(manifest: Sequence[StoredFile], source: Source) -> bool:
    """Return whether the rows of a source stay in their files: there are files, and all were delivered as Parquet.

    A delivery that was converted to Parquet of texts is stored like a text file, so that any client can query it.
    """
    entries = _entries_of(manifest, source)
    delivered_as = {entry.container for entry in entries if entry.container}
    return {file_format(Path(entry.file)) for entry in entries} == {"parquet"} and delivered_as <= {"parquet"}


def external_slices(manifests: Mapping[str, Sequence[StoredFile]]) -> set[tuple[str, str]]:
    """Return the (table, snapshot) pairs of these snapshots whose rows stay in files."""
    return {
        (str(source.table), snapshot)
        for snapshot, manifest in manifests.items()
        for source in SOURCES
        if is_external(manifest, source)
    }


def external_slice_reader(raw: Path) -> ExternalSliceReader:
    """Return the function by which a warehouse reads the slices that stay in files below ``raw``."""
    sources = {str(source.table): source for source in SOURCES}

    def read_external_slice(engine: Engine, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any] | None:
        source = sources.get(str(table))
        if source is None:
            return None
        folder = raw / slice_["snapshot"]
        return raw_rows(folder, source, engine) if is_external(read_manifest(folder), source) else None

    return read_external_slice


def _entries_of(manifest: Sequence[StoredFile], source: Source) -> list[StoredFile]:
    return [
        entry for entry in files_in_use(manifest) if entry.source == source.name and file_format(Path(entry.file))
    ]


def _changed(path: Path) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: gone, or changed since it was delivered", remedy="deliver the file again")


def _rows_of(path: Path, entry: StoredFile, engine: Engine) -> nw.LazyFrame[Any]:
    if not path.exists() or path.stat().st_size != entry.bytes:
        raise _changed(path)
    return read_stored_file(
        path,
        dialect=entry.dialect,
        source=entry.source,
        columns=entry.columns,
        engine=engine,
        forgotten=entry.forgotten_rows,
    )
