"""A file becomes part of a snapshot: recognised, dated, hashed, copied to ``raw/<snapshot>/``, put in its manifest.

All files of one call are looked at before the first is stored: a file that cannot be read leaves nothing behind. What it
says about those who asked to be forgotten is not stored.
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

from tiktok_pipeline.home.cleanup import STAGING_PREFIX, remove_raw_leftovers
from tiktok_pipeline.home.manifest import StoredFile, file_sha256, read_manifest, store_files
from tiktok_pipeline.privacy.redact import redact
from tiktok_pipeline.privacy.suppression import SuppressionList, suppressed_rows
from tiktok_pipeline.raw.dialects import Dialect, UnknownDialectError, recognise
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.size import check_size
from tiktok_pipeline.raw.snapshots import FORMATS, SnapshotKeyError, file_format, safe_name, scrapes_in, snapshot_keys
from tiktok_pipeline.validated.clean import observed_days
from tiktok_pipeline.warehouse.base import Engine, UnreadableFileError


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """How files are taken in: the folder of raw files, the engine that reads them, and what is not taken.

    ``largest_bytes`` bounds a file's size, unpacked; ``forgotten`` are those of whom nothing is stored.
    """

    raw: Path
    engine: Engine
    largest_bytes: int | None = None
    forgotten: SuppressionList | None = None


@dataclass(frozen=True)
class Registered:
    """What became of one delivered file."""

    snapshot: str
    file: str
    outcome: Literal["new", "replaced", "already there"]


@dataclass(frozen=True)
class _Inspected:
    delivered: Path
    staged: Path
    sha256: str
    rows: int
    dialect: Dialect
    newest: date | None
    forgotten_rows: tuple[int, ...]


def register(paths: Sequence[Path], intake: IngestConfig, *, snapshot: str | None = None) -> list[Registered]:
    """Store files (or the scrapes of folders) under their snapshots; nothing is stored where one cannot be read.

    Only for the one who holds the home's lock. Raises `UnreadableFileError`, `tiktok_pipeline.raw.dialects.UnknownDialectError` or
    `tiktok_pipeline.raw.snapshots.SnapshotKeyError`.
    """
    files = find_files(paths)
    with _staging(intake.raw) as folder:
        inspected = [_inspect(path, folder / str(place), intake) for place, path in enumerate(files)]
        keys = snapshot_keys({one.delivered: one.newest for one in inspected}, given=snapshot)
        _check_names(inspected, keys)
        return [_store(one, intake.raw / keys[one.delivered]) for one in inspected]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant, folders opened; raises `UnreadableFileError` where there is nothing to read."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = scrapes_in(path)
            if not inside:
                msg = f"{path}: no scrape in this folder; expected files ending in {', '.join(FORMATS)}"
                raise UnreadableFileError(msg)
            found += inside
        elif not path.exists():
            msg = f"{path}: there is no such file or folder"
            raise UnreadableFileError(msg)
        elif file_format(path) is None or not path.is_file():
            msg = f"{path}: not a file that can be read; expected one ending in {', '.join(FORMATS)}"
            raise UnreadableFileError(msg)
        else:
            found.append(path)
    return list(dict.fromkeys(path.resolve() for path in found))


def _inspect(path: Path, folder: Path, intake: IngestConfig) -> _Inspected:
    kind = file_format(path)
    if kind is None:
        msg = f"{path.name}: expected a name ending in {', '.join(FORMATS)}"
        raise UnreadableFileError(msg)
    folder.mkdir(parents=True)
    staged = folder / safe_name(path)
    try:
        _link_or_copy(path, staged)
        if intake.largest_bytes is not None:
            check_size(staged, name=path.name, largest_bytes=intake.largest_bytes)
        sha256 = file_sha256(staged)
    except OSError as problem:
        msg = (
            f"{path.name}: cannot be read ({problem.strerror or problem}); is it readable for who runs the pipeline?"
        )
        raise UnreadableFileError(msg) from problem
    engine = intake.engine
    with engine.reading(path):
        scan = engine.scan(staged, kind)
        dialect = recognise(scan.header, file=path.name)
        rows = read_file(scan, dialect, source_file=staged.name, engine=engine)
        days = observed_days(rows, engine) if dialect.columns.get("observed_on") in scan.header else None
        measured = [
            nw.len().alias("rows"),
            *([nw.col("observed_on").max().alias("newest")] if days is not None else []),
        ]
        found = (rows if days is None else days).select(*measured).collect("pyarrow").to_native().to_pylist()[0]
        theirs = suppressed_rows(rows, dialect.source, intake.forgotten, engine) if intake.forgotten else []
    if not found["rows"]:
        msg = f"{path.name}: a header and no rows; nothing to take from it"
        raise UnreadableFileError(msg)
    forgotten_rows = tuple(row for row, _, _ in theirs)
    if forgotten_rows:
        _without(staged, forgotten_rows)
        try:
            with engine.reading(path):
                recognise(engine.scan(staged, kind).header, file=path.name)
        except (UnreadableFileError, UnknownDialectError) as problem:
            msg = (
                f"{path.name}: nothing is left of it without the creators who asked to be forgotten; delete the file"
            )
            raise UnreadableFileError(msg) from problem
    return _Inspected(path, staged, sha256, found["rows"], dialect, found.get("newest"), forgotten_rows)


def _without(staged: Path, rows: Sequence[int]) -> None:
    """Take the records out of the staged copy; the delivered file, to which it may be a link, stays as it is."""
    blanked = staged.with_name(f"blanked-{staged.name}")
    redact(staged, blanked, rows=rows)
    blanked.replace(staged)


def _check_names(inspected: Sequence[_Inspected], keys: Mapping[Path, str]) -> None:
    """Refuse two files that would be stored as one: the second would silently replace the first."""
    seen: dict[tuple[str, str], _Inspected] = {}
    for one in inspected:
        first = seen.setdefault((keys[one.delivered], one.staged.name), one)
        if first.sha256 != one.sha256:
            msg = (
                f"{one.delivered} and {first.delivered} have one name in snapshot {keys[one.delivered]}; "
                "rename one of them, or deliver them one after the other if it shall replace the other"
            )
            raise SnapshotKeyError(msg)


def _store(one: _Inspected, folder: Path) -> Registered:
    manifest = read_manifest(folder)
    same = next((entry for entry in manifest if entry.delivered_sha256 == one.sha256), None)
    if same is not None and _is_intact(folder / same.file, same):
        return Registered(folder.name, same.file, "already there")
    entry = StoredFile(
        file=one.staged.name,
        delivered_sha256=one.sha256,
        stored_sha256=file_sha256(one.staged) if one.forgotten_rows else one.sha256,
        bytes=one.staged.stat().st_size,
        rows=one.rows,
        source=one.dialect.source.name,
        dialect=one.dialect.name,
        ingested_at=datetime.now(tz=UTC).replace(tzinfo=None, microsecond=0).isoformat(),
        forgotten_rows=one.forgotten_rows,
    )
    others = [known for known in manifest if known.file != entry.file and known is not same]
    store_files(folder, {entry.file: one.staged}, [*others, entry])
    return Registered(folder.name, entry.file, "new" if len(others) == len(manifest) else "replaced")


def _is_intact(path: Path, entry: StoredFile) -> bool:
    """Whether the stored copy is what was delivered; a hard link changes with a file that is edited in place."""
    return path.exists() and path.stat().st_size == entry.bytes and file_sha256(path) == entry.stored_sha256


@contextlib.contextmanager
def _staging(raw: Path) -> Iterator[Path]:
    """A folder beside the snapshots, so that storing is a rename; what a killed process left is swept first."""
    raw.mkdir(parents=True, exist_ok=True)
    remove_raw_leftovers(raw)
    with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=raw) as folder:
        yield Path(folder)


def _link_or_copy(source: Path, target: Path) -> None:
    """A hard link where the file system allows it, else a copy; never of what a link points to."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, target, follow_symlinks=False)
    if not stat.S_ISREG(target.lstat().st_mode):
        target.unlink()
        msg = f"{source}: became a link while it was read; put the file itself there"
        raise UnreadableFileError(msg)
