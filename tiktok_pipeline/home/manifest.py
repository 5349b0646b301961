"""The manifest of a snapshot: its files, as they were delivered and as they are stored in ``raw/<snapshot>/``.

The manifest is the truth about deliveries; the table ``raw.files`` is made from it. Whoever writes here holds the
lock of the home.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tiktok_pipeline.atomic_write import atomic_write_text, draft_of
from tiktok_pipeline.errors import PipelineError

MANIFEST = "manifest.json"
_CHECKSUM = "checksum"
"""The key that holds the hash of the other keys; an entry of an earlier day has none."""

PENDING_PREFIX = ".coming-"
"""Prefix of a file that is moved to its name after the manifest lists it; see `finish_interrupted_store`."""

LEAVING_PREFIX = ".leaving-"
"""Prefix of a file that is deleted after the manifest does not list it any more."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One entry of a manifest: a file of a snapshot, as it was delivered and as it is stored.

    Attributes
    ----------
    file : str
        Its name in ``raw/<snapshot>/``.
    delivered_sha256, stored_sha256 : str
        Hashes before and after the records of suppressed creators were blanked; equal if there were none.
    bytes : int
        The size of the stored file.
    rows : int
        Records, without the header.
    source, dialect : str
        Names of its `tiktok_pipeline.raw.schema.Source` and `tiktok_pipeline.raw.dialects.Dialect`.
    ingested_at : str
        UTC time in ISO format, without an offset.
    forgotten_rows : tuple of int
        The ordinals (from 1) of the records that were blanked because their creators asked to be forgotten.
    delivered_name : str
        The name under which the file came; "" in an entry of an older version of this program.
    container, compression, member, encoding, delimiter, notes
        How the delivered file was read, see `tiktok_pipeline.delivery.tables.Layout`. All are empty in an entry of an
        older version.
    columns : dict of str to str
        The canonical columns and their names in the stored file. An older version looked them up in the dialect.
    formats : dict of str to Any
        The formats of numbers and dates by column, as JSON.
    left_out_because : str
        Why the file is left out of its snapshot; "" if it is not. See `leave_out`.
    """

    file: str
    delivered_sha256: str
    stored_sha256: str
    bytes: int
    rows: int
    source: str
    dialect: str
    ingested_at: str
    forgotten_rows: tuple[int, ...] = ()
    delivered_name: str = ""
    container: str = ""
    compression: str = ""
    member: str = ""
    encoding: str = ""
    delimiter: str = ""
    notes: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    formats: dict[str, Any] = field(default_factory=dict)
    left_out_because: str = ""


class ManifestError(PipelineError):
    """A manifest cannot be read."""

    code = "manifest"


def read_manifest(folder: Path) -> list[StoredFile]:
    """Return the files of a snapshot, by name.

    Parameters
    ----------
    folder : Path
        ``raw/<snapshot>``.

    Returns
    -------
    list of StoredFile
        Empty if the folder has no manifest.

    Raises
    ------
    ManifestError
        If the manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [_checked(entry) for entry in entries]
    except (ValueError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{path}: damaged ({error})",
            remedy="restore it from a backup, or move the folder away and deliver its files again",
        ) from error


def _checked(entry: dict[str, Any]) -> StoredFile:
    """Return an entry of a manifest; raise `TypeError` or `ValueError` if it is not as it was written."""
    check_content(entry)
    values = {name: value for name, value in entry.items() if name != _CHECKSUM}
    file = StoredFile(**values | {name: tuple(entry.get(name, ())) for name in ("forgotten_rows", "notes")})
    for each in fields(StoredFile):
        expected = {"str": str, "int": int}.get(str(each.type), tuple if "tuple" in str(each.type) else dict)
        if not isinstance(getattr(file, each.name), expected):
            msg = f"{each.name} is of another type"
            raise TypeError(msg)
    if not file.file or Path(file.file).name != file.file:
        msg = "a file outside of its snapshot"
        raise ValueError(msg)
    return file


def write_manifest(folder: Path, entries: Sequence[StoredFile]) -> None:
    """Replace the manifest of a snapshot."""
    in_order = [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.file)]
    checked = [with_checksum(entry) for entry in in_order]
    atomic_write_text(folder / MANIFEST, json.dumps(checked, indent=1))


def files_in_use(manifest: Sequence[StoredFile]) -> list[StoredFile]:
    """Return the files that a snapshot is computed from: without those left out, or all if nothing else is there."""
    return [entry for entry in manifest if not entry.left_out_because] or list(manifest)


def leave_out(folder: Path, reasons: Mapping[str, str]) -> None:
    """Leave files out of their snapshot, because most of their rows are bad; they stay stored.

    So a bad delivery spoils no other delivery of its day. The file counts again if it is delivered again, and after
    `take_in_again`.

    Parameters
    ----------
    folder : Path
        ``raw/<snapshot>``.
    reasons : mapping of str to str
        Why, by the name of the file.
    """
    manifest = read_manifest(folder)
    changed = [replace(entry, left_out_because=reasons.get(entry.file, entry.left_out_because)) for entry in manifest]
    if changed != manifest:
        write_manifest(folder, changed)


def take_in_again(folder: Path) -> None:
    """Use the files again that were left out of a snapshot; another program or mapping may read them."""
    manifest = read_manifest(folder)
    changed = [replace(entry, left_out_because="") for entry in manifest]
    if changed != manifest:
        write_manifest(folder, changed)


def with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be written as JSON, with a hash of it beside."""
    return {**values, _CHECKSUM: _checksum(values)}


def check_content(values: Mapping[str, Any]) -> None:
    """Raise `ValueError` if what was read is not what `with_checksum` gave; one without a checksum passes."""
    if values.get(_CHECKSUM, expected := _checksum(values)) != expected:
        msg = "it was changed since it was written"
        raise ValueError(msg)


def _checksum(values: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in values.items() if name != _CHECKSUM}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def compute_delivery_id(manifest: Sequence[StoredFile]) -> str:
    """Return a short hash of a snapshot's files; it changes with every added, replaced or redacted file.

    It changes also if a file is read in another way: other columns, or other formats of its numbers and dates; and if
    a file is left out.
    """
    in_use = files_in_use(manifest)
    parts = sorted(
        f"{entry.file} {entry.delivered_sha256} {entry.stored_sha256}{_way_of_reading(entry)}"
        f"{'' if entry in in_use else ' left out'}"
        for entry in manifest
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _way_of_reading(entry: StoredFile) -> str:
    """Return the columns and formats as a text; empty for an entry of an older version, whose id must not change."""
    if not entry.columns and not entry.formats:
        return ""
    return f" {json.dumps([entry.columns, entry.formats], sort_keys=True, default=str)}"


def snapshots_on_disk(raw: Path) -> list[str]:
    """Return the snapshots that have a manifest, oldest first."""
    return sorted(path.parent.name for path in raw.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def store_files(folder: Path, files: Mapping[str, Path], manifest: Sequence[StoredFile]) -> None:
    """Move files into a snapshot together with its manifest, and remove files that the manifest no longer lists.

    Parameters
    ----------
    folder : Path
        ``raw/<snapshot>``; created if it is missing.
    files : mapping of str to Path
        The new files by name. They must be on the same file system as ``folder``.
    manifest : sequence of StoredFile
        All files of the snapshot, old and new.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        file.replace(folder / f"{PENDING_PREFIX}{name}")
    leaving = sorted({entry.file for entry in read_manifest(folder)} - {entry.file for entry in manifest})
    try:
        for name in leaving:
            if (folder / name).exists():
                (folder / name).replace(folder / f"{LEAVING_PREFIX}{name}")
        write_manifest(folder, manifest)
    except BaseException:
        finish_interrupted_store(folder)
        raise
    for name in files:
        (folder / f"{PENDING_PREFIX}{name}").replace(folder / name)
    for name in leaving:
        (folder / f"{LEAVING_PREFIX}{name}").unlink(missing_ok=True)


def finish_interrupted_store(folder: Path) -> None:
    """Finish an interrupted `store_files`: keep the pending and leaving files that the manifest lists, no others."""
    stored = {entry.file: entry.stored_sha256 for entry in read_manifest(folder)}
    for prefix in (PENDING_PREFIX, LEAVING_PREFIX):
        for hidden in folder.glob(f"{prefix}*"):
            name = hidden.name.removeprefix(prefix)
            if stored.get(name) == file_sha256(hidden):
                hidden.replace(folder / name)
            else:
                hidden.unlink()
    draft_of(folder / MANIFEST).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
