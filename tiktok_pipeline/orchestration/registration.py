"""A file becomes part of a snapshot: recognised, dated, hashed, copied to ``raw/<snapshot>/``, put in its manifest.

All files of one call are looked at before the first is stored: a file that cannot be read leaves nothing behind. The
manifest beside the copies is the truth about what was delivered; the table ``raw.files`` is made from it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import narwhals as nw

from tiktok_pipeline.raw.dialects import Dialect, recognise
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.snapshots import FORMATS, SnapshotKeyError, file_format, safe_name, scrapes_in, snapshot_keys
from tiktok_pipeline.validated.clean import observed_days
from tiktok_pipeline.warehouse.base import Engine, UnreadableFileError

MANIFEST = "manifest.json"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One line of a manifest: a file of a snapshot, as it came and as it lies in ``raw/<snapshot>/``."""

    file: str
    delivered_sha256: str
    stored_sha256: str
    bytes: int
    rows: int
    source: str
    dialect: str
    ingested_at: str


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


def register(paths: Sequence[Path], *, raw: Path, engine: Engine, snapshot: str | None = None) -> list[Registered]:
    """Store files (or the scrapes of folders) under their snapshots; nothing is stored where one cannot be read.

    Raises `UnreadableFileError`, `tiktok_pipeline.raw.dialects.UnknownDialectError` or
    `tiktok_pipeline.raw.snapshots.SnapshotKeyError`.
    """
    files = find_files(paths)
    with _staging(raw) as folder:
        inspected = [_inspect(path, folder / str(place), engine) for place, path in enumerate(files)]
        keys = snapshot_keys({one.delivered: one.newest for one in inspected}, given=snapshot)
        _check_names(inspected, keys)
        return [_store(one, raw / keys[one.delivered]) for one in inspected]


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


def read_manifest(folder: Path) -> list[StoredFile]:
    """The files of a snapshot, by name; none where it has no manifest."""
    path = folder / MANIFEST
    if not path.exists():
        return []
    return [StoredFile(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def snapshots_on_disk(raw: Path) -> list[str]:
    """The snapshots that have a manifest, oldest first."""
    return sorted(path.parent.name for path in raw.glob(f"*/{MANIFEST}"))


def _inspect(path: Path, folder: Path, engine: Engine) -> _Inspected:
    kind = file_format(path)
    if kind is None:
        msg = f"{path.name}: expected a name ending in {', '.join(FORMATS)}"
        raise UnreadableFileError(msg)
    folder.mkdir(parents=True)
    staged = folder / safe_name(path)
    try:
        _link_or_copy(path, staged)
        sha256 = _sha256(staged)
    except OSError as problem:
        msg = f"{path}: cannot be read: {problem.strerror or problem}"
        raise UnreadableFileError(msg) from problem
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
    if not found["rows"]:
        msg = f"{path.name}: a header and no rows; nothing to take from it"
        raise UnreadableFileError(msg)
    return _Inspected(path, staged, sha256, found["rows"], dialect, found.get("newest"))


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
    folder.mkdir(parents=True, exist_ok=True)
    entry = StoredFile(
        file=one.staged.name,
        delivered_sha256=one.sha256,
        stored_sha256=one.sha256,
        bytes=one.staged.stat().st_size,
        rows=one.rows,
        source=one.dialect.source.name,
        dialect=one.dialect.name,
        ingested_at=datetime.now(tz=UTC).replace(tzinfo=None, microsecond=0).isoformat(),
    )
    others = [known for known in manifest if known.file != entry.file and known is not same]
    one.staged.replace(folder / entry.file)
    _write_manifest(folder, sorted([*others, entry], key=lambda known: known.file))
    return Registered(folder.name, entry.file, "new" if len(others) == len(manifest) else "replaced")


def _is_intact(path: Path, entry: StoredFile) -> bool:
    """Whether the stored copy is what was delivered; a hard link changes with a file that is edited in place."""
    return path.exists() and path.stat().st_size == entry.bytes and _sha256(path) == entry.stored_sha256


def _write_manifest(folder: Path, entries: Sequence[StoredFile]) -> None:
    draft = folder / f".{MANIFEST}.draft"
    with draft.open("w", encoding="utf-8") as target:
        json.dump([asdict(entry) for entry in entries], target, indent=1)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(folder / MANIFEST)


@contextlib.contextmanager
def _staging(raw: Path) -> Iterator[Path]:
    """A folder beside the snapshots, so that storing is a rename; what a killed process left is swept first."""
    raw.mkdir(parents=True, exist_ok=True)
    for leftover in raw.glob(".staging-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".staging-", dir=raw) as folder:
        yield Path(folder)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
