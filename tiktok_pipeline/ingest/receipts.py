"""What was registered before, so that the same files need not be read again.

A receipt is two hashes: of the delivered file with everything that decides how it is read, and of the entries of the
manifests that it became. No name of a file or creator is kept. A receipt holds only while the entries and the stored
files are as they were, so a file that was replaced, withdrawn or redacted is read again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.delivery.regular_file import open_regular_file
from tiktok_pipeline.delivery.research_api import requests_beside
from tiktok_pipeline.home.manifest import StoredFile, file_sha256, read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.store import RegisteredFile, delivered_as
from tiktok_pipeline.program_version import program_version
from tiktok_pipeline.warehouse.base import UnreadableFileError

Entries = list[tuple[str, StoredFile]]
"""Entries of the manifests with their snapshots."""


def registered_before(
    files: Sequence[Path], config: IngestConfig, options: IngestOptions
) -> list[RegisteredFile] | None:
    """Return the stored files of a delivery that was registered before, or None if any file must be read.

    All files of a call are read if one is: their snapshots are chosen together.

    Parameters
    ----------
    files : sequence of Path
        The delivered files.
    config : IngestConfig
        The settings of the home.
    options : IngestOptions
        What the person who delivers says about the files.
    """
    if config.receipts is None or not config.receipts.exists() or not files or options.again:
        return None
    receipts = _read(config.receipts)
    entries = _all_entries(config.raw)
    registered: list[RegisteredFile] = []
    for path in files:
        sha256 = _sha256(path)
        if sha256 is None:
            return None
        own = [(key, entry) for key, entry in entries if entry.delivered_sha256 == sha256]
        if not own or receipts.get(_key(path, sha256, files, config, options)) != _digest(own):
            return None
        if not all(_is_intact(config.raw / key / entry.file, entry) for key, entry in own):
            return None
        registered += [
            RegisteredFile(key, entry.file, "already there", entry.notes, delivered_as(entry)) for key, entry in own
        ]
    return registered


def write_receipts(
    hashes: Mapping[Path, str], files: Sequence[Path], config: IngestConfig, options: IngestOptions
) -> None:
    """Write a receipt for each file of a delivery that was just registered; ``hashes`` has those that were stored."""
    if config.receipts is None:
        return
    receipts = _read(config.receipts) if config.receipts.exists() else {}
    entries = _all_entries(config.raw)
    for path, sha256 in hashes.items():
        own = [(key, entry) for key, entry in entries if entry.delivered_sha256 == sha256]
        receipts[_key(path, sha256, files, config, options)] = _digest(own)
    atomic_write_text(config.receipts, json.dumps(receipts, indent=1, sort_keys=True))


def _read(path: Path) -> dict[str, str]:
    """Return the receipts; none if the file is damaged, because it only saves time."""
    try:
        receipts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(digest) for key, digest in receipts.items()} if isinstance(receipts, dict) else {}


def _all_entries(raw: Path) -> Entries:
    return [(key, entry) for key in snapshots_on_disk(raw) for entry in read_manifest(raw / key)]


def _key(path: Path, sha256: str, files: Sequence[Path], config: IngestConfig, options: IngestOptions) -> str:
    """Return the hash of a file and of everything that decides how it is read and where it goes."""
    requests = [_sha256(request) for request in requests_beside(path)]
    parts = (
        sha256,
        path.name,
        sorted(file.name for file in files),
        requests,
        repr(options),
        repr(config.dialects),
        sorted(config.suppression.hashes) if config.suppression else [],
        program_version(),
    )
    return _hash(parts)


def _sha256(path: Path) -> str | None:
    """Return the hash of a regular file; None for a link, a special file and what cannot be read."""
    try:
        with os.fdopen(open_regular_file(path), "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except (OSError, UnreadableFileError):
        return None


def _digest(entries: Entries) -> str:
    return _hash([(key, asdict(entry)) for key, entry in entries])


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _is_intact(path: Path, entry: StoredFile) -> bool:
    return path.exists() and path.stat().st_size == entry.bytes and file_sha256(path) == entry.stored_sha256
