"""The raw rows of a snapshot, out of the files that its manifest names.

Text files are read once and stored in ``raw.<source>``. Parquet is columns already, typed, packed and never changed in place:
where all files of a source are Parquet, ``raw.<source>`` is read where they lie and nothing is stored a second time. What the
rows mean is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw

from tiktok_pipeline.home.manifest import StoredFile, read_manifest
from tiktok_pipeline.raw.dialects import find_dialect
from tiktok_pipeline.raw.read import read_stored_file
from tiktok_pipeline.raw.schema import SOURCES, Source
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.warehouse.base import Engine, ExternalSliceReader, Slice, TableSpec, UnreadableFileError


def raw_rows(folder: Path, source: Source, engine: Engine) -> nw.LazyFrame[Any] | None:
    """The rows of all files of a source in the folder of a snapshot, lazily; None where there is no such file.

    Raises `UnreadableFileError` where a file is gone, or has another size than it was delivered with.
    """
    parts = [_rows_of(folder / one.file, one, engine) for one in _of(read_manifest(folder), source)]
    return nw.concat(parts, how="vertical") if parts else None


def is_external(manifest: Sequence[StoredFile], source: Source) -> bool:
    """Whether the files of a source are all such that they are read where they lie."""
    return {file_format(Path(one.file)) for one in _of(manifest, source)} == {"parquet"}


def external_slices(manifests: Mapping[str, Sequence[StoredFile]]) -> set[tuple[str, str]]:
    """The slices (table, snapshot) of these snapshots whose rows stay in files."""
    return {
        (str(source.table), key)
        for key, manifest in manifests.items()
        for source in SOURCES
        if is_external(manifest, source)
    }


def external_slice_reader(raw: Path) -> ExternalSliceReader:
    """What tells a warehouse the rows of the slices that it reads from the files below ``raw``."""
    sources = {str(source.table): source for source in SOURCES}

    def of_slice(engine: Engine, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any] | None:
        source = sources.get(str(table))
        if source is None:
            return None
        folder = raw / slice_["snapshot"]
        return raw_rows(folder, source, engine) if is_external(read_manifest(folder), source) else None

    return of_slice


def _of(manifest: Sequence[StoredFile], source: Source) -> list[StoredFile]:
    return [one for one in manifest if one.source == source.name and file_format(Path(one.file))]


def _rows_of(path: Path, entry: StoredFile, engine: Engine) -> nw.LazyFrame[Any]:
    # A delivered file may share its blocks with the copy: one that is edited in place changes both.
    if not path.exists() or path.stat().st_size != entry.bytes:
        msg = f"{path}: gone, or changed since it was delivered; deliver the file again"
        raise UnreadableFileError(msg)
    return read_stored_file(path, find_dialect(entry.dialect), engine=engine, forgotten=entry.forgotten_rows)
