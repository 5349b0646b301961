"""The manifest of a snapshot: which files it has, as they came and as they lie in ``raw/<snapshot>/``.

It is the truth about what was delivered; the table ``raw.files`` is made from it. It is written in one step; nothing else
here touches the files, but for finishing what a killed process had begun.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tiktok_pipeline.errors import PipelineError

MANIFEST = "manifest.json"
PENDING_PREFIX = ".coming-"
"""How a file is named that is to be stored, until the manifest names it; see `recover_pending`."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One line of a manifest: a file of a snapshot, as it came and as it is stored.

    ``forgotten_rows`` are the ordinals of the records that were blanked, because their creators asked to be forgotten.
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


class ManifestError(PipelineError):
    """A manifest cannot be read; the text names it and says what to do."""

    code = "manifest"


def read_manifest(folder: Path) -> list[StoredFile]:
    """The files of a snapshot, by name; none where it has no manifest. Raises `ManifestError` where it is damaged."""
    path = folder / MANIFEST
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [StoredFile(**entry | {"forgotten_rows": tuple(entry.get("forgotten_rows", ()))}) for entry in entries]
    except (ValueError, TypeError, AttributeError) as problem:
        msg = f"{path}: damaged ({problem}); restore it from a backup, or move the folder away and deliver its files again"
        raise ManifestError(msg) from problem


def write_manifest(folder: Path, entries: Sequence[StoredFile]) -> None:
    """Put the manifest in place in one step."""
    draft = folder / f".{MANIFEST}.draft"
    with draft.open("w", encoding="utf-8") as target:
        json.dump([asdict(entry) for entry in sorted(entries, key=lambda one: one.file)], target, indent=1)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(folder / MANIFEST)


def compute_delivery_id(manifest: Sequence[StoredFile]) -> str:
    """A short hash of what a snapshot is made of: another file, or one changed by forgetting, gives another."""
    parts = sorted(f"{one.file} {one.delivered_sha256} {one.stored_sha256}" for one in manifest)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def snapshots_on_disk(raw: Path) -> list[str]:
    """The snapshots that have a manifest, oldest first."""
    return sorted(path.parent.name for path in raw.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def sweep(raw: Path) -> None:
    """Put away what a killed process left in ``raw/``; only for the one who holds the home's lock."""
    for leftover in (*raw.glob(".staging-*"), *raw.glob(".pruned-*")):
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in {path.parent for path in (*raw.glob(f"*/{PENDING_PREFIX}*"), *raw.glob(f"*/.{MANIFEST}.draft"))}:
        recover_pending(folder)


def store_files(folder: Path, files: Mapping[str, Path], manifest: Sequence[StoredFile]) -> None:
    """Store files (name -> where they lie now, on the same file system) together with the manifest that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        file.replace(folder / f"{PENDING_PREFIX}{name}")
    before = {one.file for one in read_manifest(folder)}
    write_manifest(folder, manifest)
    for name in files:
        (folder / f"{PENDING_PREFIX}{name}").replace(folder / name)
    for gone in before - {one.file for one in manifest}:
        (folder / gone).unlink(missing_ok=True)


def recover_pending(folder: Path) -> None:
    """End what a killed `store_files` left: files that the manifest already names are put in place, others are removed."""
    stored = {one.file: one.stored_sha256 for one in read_manifest(folder)}
    for coming in folder.glob(f"{PENDING_PREFIX}*"):
        name = coming.name.removeprefix(PENDING_PREFIX)
        if stored.get(name) == sha256_of(coming):
            coming.replace(folder / name)
        else:
            coming.unlink()
    for draft in folder.glob(f".{MANIFEST}.draft"):
        draft.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
