"""Store a prepared file in its snapshot, unless the snapshot has the same content already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tiktok_pipeline.home.manifest import StoredFile, file_sha256, read_manifest, store_files
from tiktok_pipeline.ingest.prepare import PreparedFile
from tiktok_pipeline.ingest.stored_name import free_name, replaced_entry
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.warehouse.base import UnreadableFileError

_MIN_USABLE_SHARE = 0.5
"""A file with fewer usable rows does not replace a good one: its snapshot would be refused."""


@dataclass(frozen=True)
class RegisteredFile:
    """Where a delivered file is stored, whether it changed the snapshot, and what is unusual about it.

    Attributes
    ----------
    file : str
        The name under which the snapshot stores it.
    delivered_as : str
        The name that people know it by, see `delivered_as`.
    """

    snapshot: str
    file: str
    outcome: Literal["new", "replaced", "already there"]
    notes: tuple[str, ...] = field(default=(), compare=False)
    delivered_as: str = field(default="", compare=False)


def delivered_as(entry: StoredFile) -> str:
    """Return the name under which a stored file was delivered, with its member if that was an archive."""
    name = entry.delivered_name or entry.file
    return visible_name(f"{name}: {entry.member}" if entry.member else name)


def check_replacement(file: PreparedFile, folder: Path) -> None:
    """Raise `UnreadableFileError` if a file with mostly bad rows would replace one of the same name."""
    replaced = _replaced(file, read_manifest(folder))
    if replaced is not None and file.usable_rows < _MIN_USABLE_SHARE * file.rows:
        raise UnreadableFileError(
            f"{visible_name(file.delivered.name)}: only {file.usable_rows} of its {file.rows} rows name a creator "
            f"and the followers; {replaced.file} of snapshot {folder.name}, which it would replace, stays",
            remedy="export it again",
        )


def store_file(file: PreparedFile, folder: Path, key_note: str = "") -> RegisteredFile:
    """Move a prepared file into its snapshot.

    Parameters
    ----------
    file : PreparedFile
        The file.
    folder : Path
        ``raw/<snapshot>``.
    key_note : str, default ""
        Where the key of the snapshot comes from, see `tiktok_pipeline.ingest.snapshot_key.SnapshotKey`.

    Returns
    -------
    RegisteredFile
        The outcome is "already there" if the snapshot has a file of the same content that is read in the same way,
        and that is not left out.
    """
    manifest = read_manifest(folder)
    notes = (*file.notes, key_note) if key_note else file.notes
    same = next((entry for entry in manifest if _is_same(entry, file)), None)
    is_used = same is not None and not same.left_out_because
    if same is not None and is_used and _is_read_alike(same, file) and _is_intact(folder / same.file, same):
        return RegisteredFile(folder.name, same.file, "already there", notes, delivered_as(same))
    outdated = [entry for entry in (same, _replaced(file, manifest)) if entry is not None]
    others = [entry for entry in manifest if entry not in outdated]
    name = free_name(file.name, file.delivered.name, [entry.file for entry in others])
    entry = _entry_of(file, name, notes)
    store_files(folder, {name: file.path}, [*others, entry])
    return RegisteredFile(folder.name, name, "replaced" if outdated else "new", notes, delivered_as(entry))


def _entry_of(file: PreparedFile, name: str, notes: tuple[str, ...]) -> StoredFile:
    layout = file.layout
    return StoredFile(
        file=name,
        delivered_sha256=file.delivered_sha256,
        stored_sha256=file_sha256(file.path),
        bytes=file.path.stat().st_size,
        rows=file.rows,
        source=file.recognition.source.name,
        dialect=file.recognition.dialect,
        ingested_at=datetime.now(tz=UTC).replace(tzinfo=None, microsecond=0).isoformat(),
        forgotten_rows=file.forgotten_rows,
        delivered_name=file.delivered.name,
        container=layout.container,
        compression=layout.compression,
        member=layout.member,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        notes=notes,
        columns=dict(file.recognition.columns),
        formats=file.formats.to_dict(),
    )


def _is_same(entry: StoredFile, file: PreparedFile) -> bool:
    """Return whether an entry is of the same content; an archive has an entry for each member and source."""
    return (
        entry.delivered_sha256 == file.delivered_sha256
        and entry.source == file.recognition.source.name
        and (not entry.delivered_name or entry.member == file.layout.member)
    )


def _is_read_alike(entry: StoredFile, file: PreparedFile) -> bool:
    """Return whether an entry is read as the file would be now; an older manifest does not say how it is read."""
    if not entry.columns:
        return True
    return (entry.dialect, entry.columns, entry.formats, entry.rows) == (
        file.recognition.dialect,
        dict(file.recognition.columns),
        file.formats.to_dict(),
        file.rows,
    )


def _replaced(file: PreparedFile, manifest: Sequence[StoredFile]) -> StoredFile | None:
    same_source = [entry for entry in manifest if entry.source == file.recognition.source.name]
    return replaced_entry(same_source, delivered_name=file.delivered.name, member=file.layout.member, name=file.name)


def _is_intact(path: Path, entry: StoredFile) -> bool:
    return path.exists() and path.stat().st_size == entry.bytes and file_sha256(path) == entry.stored_sha256
