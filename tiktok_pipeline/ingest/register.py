"""Register delivered files: recognize, date and hash each, store it in ``raw/<snapshot>/``, list it in the manifest.

All files of one call are inspected before the first one is stored: a file that cannot be read leaves nothing
behind. The records of suppressed creators are blanked before a file is stored.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import narwhals as nw

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.home.cleanup import STAGING_PREFIX, remove_raw_leftovers
from tiktok_pipeline.home.manifest import StoredFile, file_sha256, read_manifest, store_files
from tiktok_pipeline.ingest.options import DEFAULT_OPTIONS, IngestOptions
from tiktok_pipeline.privacy.redact import redact
from tiktok_pipeline.privacy.suppression import SuppressionList, suppressed_rows
from tiktok_pipeline.raw.dialects import Recognition, recognize
from tiktok_pipeline.raw.read import check_competing, read_file
from tiktok_pipeline.raw.size import check_size
from tiktok_pipeline.raw.snapshots import FORMATS, SnapshotKeyError, file_format, safe_name, scrapes_in, snapshot_keys
from tiktok_pipeline.validated.clean import observed_days
from tiktok_pipeline.warehouse.base import Engine, FileFormat, UnreadableFileError


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """How files are ingested.

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
    """

    raw: Path
    engine: Engine
    largest_bytes: int | None = None
    suppression: SuppressionList | None = None


@dataclass(frozen=True)
class RegisteredFile:
    """Where a delivered file is stored, and whether it changed the snapshot."""

    snapshot: str
    file: str
    outcome: Literal["new", "replaced", "already there"]


@dataclass(frozen=True)
class _Content:
    """What a file holds: its dialect, number of records, newest date, and the records of suppressed creators."""

    recognition: Recognition
    rows: int
    newest: date | None
    forgotten_rows: tuple[int, ...]


@dataclass(frozen=True)
class _InspectedFile:
    """A delivered file, its staged copy, the hash of what was delivered, and the content."""

    delivered: Path
    staged: Path
    sha256: str
    content: _Content


def register(
    paths: Sequence[Path], config: IngestConfig, options: IngestOptions = DEFAULT_OPTIONS
) -> list[RegisteredFile]:
    """Store files under their snapshots; nothing is stored if one of them cannot be read.

    Only for the holder of the home's lock.

    Parameters
    ----------
    paths : sequence of Path
        Files, or folders with scrapes in them.
    config : IngestConfig
        The home's settings.
    options : IngestOptions, optional
        What the person who delivers says about the files.

    Returns
    -------
    list of RegisteredFile
        One for each file.

    Raises
    ------
    UnreadableFileError
        If a file is missing, of an unknown format, damaged, too large or without rows.
    UnknownDialectError
        If the columns of a file fit no dialect.
    SnapshotKeyError
        If a file has no date, or two files would be stored under the same name.
    RedactionError
        If a file with records of suppressed creators cannot be rewritten.
    """
    files = find_files(paths)
    with _staging_folder(config.raw) as folder:
        inspected = [_inspect(path, folder / str(number), config) for number, path in enumerate(files)]
        keys = snapshot_keys({file.delivered: file.content.newest for file in inspected}, given=options.snapshot)
        _check_names(inspected, keys)
        return [_store(file, config.raw / keys[file.delivered]) for file in inspected]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of ``paths``, folders replaced by their scrapes; raise `UnreadableFileError` if none."""
    expected = f"expected a file name ending in {', '.join(FORMATS)}"
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            scrapes = scrapes_in(path)
            if not scrapes:
                raise UnreadableFileError(f"{path}: no scrape in this folder; {expected}")
            files += scrapes
        elif not path.exists():
            raise UnreadableFileError(f"{path}: there is no such file or folder")
        elif file_format(path) is None or not path.is_file():
            raise UnreadableFileError(f"{path}: not a file of a known format; {expected}")
        else:
            files.append(path)
    return list(dict.fromkeys(path.resolve() for path in files))


def _inspect(path: Path, folder: Path, config: IngestConfig) -> _InspectedFile:
    """Stage a file, measure it, and blank the records of suppressed creators in the staged copy."""
    format_ = file_format(path)
    if format_ is None:
        raise UnreadableFileError(f"{path.name}: expected a name ending in {', '.join(FORMATS)}")
    staged, sha256 = _stage(path, folder, config.largest_bytes)
    content = _measure(path, staged, format_, config)
    if content.forgotten_rows:
        _blank_records(path, staged, format_, content.forgotten_rows, config.engine)
    return _InspectedFile(path, staged, sha256, content)


def _stage(path: Path, folder: Path, largest_bytes: int | None) -> tuple[Path, str]:
    """Link or copy a file into ``folder`` under a safe name; return the staged path and its SHA-256."""
    folder.mkdir(parents=True)
    staged = folder / safe_name(path)
    try:
        _link_or_copy(path, staged)
        if largest_bytes is not None:
            check_size(staged, name=path.name, largest_bytes=largest_bytes)
        return staged, file_sha256(staged)
    except OSError as error:
        raise UnreadableFileError(
            f"{path.name}: cannot be read ({error.strerror or error})",
            remedy="make it readable for the user who runs the pipeline",
        ) from error


def _measure(path: Path, staged: Path, format_: FileFormat, config: IngestConfig) -> _Content:
    """Recognize a staged file, count its records, find its newest date and the records of suppressed creators."""
    engine = config.engine
    with engine.reading(path):
        scan = engine.scan(staged, format_)
        recognition = recognize(scan.header, file=path.name)
        check_competing(scan, recognition, file=path.name, engine=engine)
        rows = read_file(scan, recognition, source_file=staged.name, engine=engine)
        has_dates = "observed_on" in recognition.columns
        measured = observed_days(rows, engine) if has_dates else rows
        newest = [nw.col("observed_on").max().alias("newest")] if has_dates else []
        (measures,) = measured.select(nw.len().alias("rows"), *newest).collect("pyarrow").to_native().to_pylist()
        forgotten = (
            suppressed_rows(rows, recognition.source, config.suppression, engine) if config.suppression else []
        )
    if not measures["rows"]:
        raise UnreadableFileError(f"{path.name}: has a header but no rows", remedy="export it again")
    return _Content(recognition, measures["rows"], measures.get("newest"), tuple(row.source_row for row in forgotten))


def _blank_records(path: Path, staged: Path, format_: FileFormat, rows: Sequence[int], engine: Engine) -> None:
    """Blank records in the staged copy; the delivered file, to which it may be a hard link, stays as it is."""
    blanked = staged.with_name(f"blanked-{staged.name}")
    redact(staged, blanked, rows=rows)
    blanked.replace(staged)
    try:
        with engine.reading(path):
            recognize(engine.scan(staged, format_).header, file=path.name)
    except FileError as error:
        raise UnreadableFileError(
            f"{path.name}: holds only creators who asked to be forgotten", remedy="delete the file"
        ) from error


def _check_names(inspected: Sequence[_InspectedFile], keys: Mapping[Path, str]) -> None:
    """Refuse two different files that would be stored as one: the second would silently replace the first."""
    first_by_place: dict[tuple[str, str], _InspectedFile] = {}
    for file in inspected:
        snapshot = keys[file.delivered]
        first = first_by_place.setdefault((snapshot, file.staged.name), file)
        if first.sha256 != file.sha256:
            raise SnapshotKeyError(
                f"{file.delivered} and {first.delivered} have the same name in snapshot {snapshot}",
                remedy="rename one of them; if one replaces the other, deliver them separately",
            )


def _store(file: _InspectedFile, folder: Path) -> RegisteredFile:
    """Move a staged file into its snapshot, unless the snapshot has the same content already."""
    manifest = read_manifest(folder)
    same = next((entry for entry in manifest if entry.delivered_sha256 == file.sha256), None)
    if same is not None and _is_intact(folder / same.file, same):
        return RegisteredFile(folder.name, same.file, "already there")
    content = file.content
    entry = StoredFile(
        file=file.staged.name,
        delivered_sha256=file.sha256,
        stored_sha256=file_sha256(file.staged) if content.forgotten_rows else file.sha256,
        bytes=file.staged.stat().st_size,
        rows=content.rows,
        source=content.recognition.source.name,
        dialect=content.recognition.dialect,
        columns=dict(content.recognition.columns),
        ingested_at=datetime.now(tz=UTC).replace(tzinfo=None, microsecond=0).isoformat(),
        forgotten_rows=content.forgotten_rows,
        delivered_name=file.delivered.name,
    )
    others = [stored for stored in manifest if stored.file != entry.file and stored is not same]
    store_files(folder, {entry.file: file.staged}, [*others, entry])
    return RegisteredFile(folder.name, entry.file, "new" if len(others) == len(manifest) else "replaced")


def _is_intact(path: Path, entry: StoredFile) -> bool:
    """Return whether a stored file is unchanged; a file that is edited in place changes its hard links too."""
    return path.exists() and path.stat().st_size == entry.bytes and file_sha256(path) == entry.stored_sha256


@contextlib.contextmanager
def _staging_folder(raw: Path) -> Iterator[Path]:
    """Give a folder on the file system of the snapshots, so that storing a file is a rename."""
    raw.mkdir(parents=True, exist_ok=True)
    remove_raw_leftovers(raw)
    with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=raw) as folder:
        yield Path(folder)


def _link_or_copy(source: Path, target: Path) -> None:
    """Make a hard link if the file system allows it, else a copy; symbolic links are not followed."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, target, follow_symlinks=False)
    if not stat.S_ISREG(target.lstat().st_mode):
        target.unlink()
        raise UnreadableFileError(f"{source}: became a link while it was read", remedy="deliver a regular file")
