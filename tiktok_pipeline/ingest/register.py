"""Register delivered files: prepare each, choose its snapshot, store it in ``raw/<snapshot>/`` and the manifest.

All files of one call are prepared before the first one is stored: a file that cannot be read leaves nothing behind,
and never takes the place of a good one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.find_files import find_files
from tiktok_pipeline.ingest.options import DEFAULT_OPTIONS, IngestOptions
from tiktok_pipeline.ingest.prepare import PreparedFile, prepare_file
from tiktok_pipeline.ingest.receipts import registered_before, write_receipts
from tiktok_pipeline.ingest.snapshot_key import SnapshotKey, choose_keys
from tiktok_pipeline.ingest.staging import staging_folder
from tiktok_pipeline.ingest.store import RegisteredFile, check_replacement, store_file
from tiktok_pipeline.raw.snapshots import SnapshotKeyError

__all__ = ["IngestConfig", "RegisteredFile", "register", "register_files"]


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
        One for each stored file: several for an archive with several members, and for a daily history.

    Raises
    ------
    UnreadableFileError
        If a file is missing, damaged, too large, without rows, or of no known type.
    UnknownDialectError
        If the columns of a file fit no dialect.
    AmbiguousFormatError
        If numbers or dates of a file can be read in two ways.
    SnapshotKeyError
        If a file has no date, or two files would be stored under the same name.
    RedactionError
        If a file with records of suppressed creators cannot be rewritten.
    """

    def refuse(_: Path, error: FileError) -> None:
        raise error

    return register_files(find_files(paths), config, options, refuse=refuse)


def register_files(
    files: Sequence[Path],
    config: IngestConfig,
    options: IngestOptions,
    *,
    refuse: Callable[[Path, FileError], None],
) -> list[RegisteredFile]:
    """Store the files of one delivery; see `register`.

    Parameters
    ----------
    files : sequence of Path
        Regular files. A link is refused.
    config : IngestConfig
        The home's settings.
    options : IngestOptions
        What the person who delivers says about the files.
    refuse : callable
        Called with each file that cannot be read, and why. If it returns, the other files are stored.

    Returns
    -------
    list of RegisteredFile
        One for each stored file.
    """
    if (known := registered_before(files, config, options)) is not None:
        return known
    today = datetime.now(tz=UTC).date()
    refused: list[Path] = []
    with staging_folder(config.raw) as folder:
        prepared: list[PreparedFile] = []
        try:
            for number, path in enumerate(files):
                try:
                    prepared += prepare_file(path, folder / str(number), config, options, today=today)
                except FileError as error:
                    refused.append(path)
                    refuse(path, error)
        finally:
            config.engine.unpersist_all()
        keys = _choose_keys(prepared, options, today)
        _check_names(prepared, keys)
        for file, key in zip(prepared, keys, strict=True):
            check_replacement(file, config.raw / key.key)
        stored = [store_file(file, config.raw / key.key, key.note) for file, key in zip(prepared, keys, strict=True)]
    if not refused:
        hashes = {file.delivered: file.delivered_sha256 for file in prepared}
        write_receipts(hashes, files, config, options)
    return stored


def _choose_keys(prepared: Sequence[PreparedFile], options: IngestOptions, today: date) -> list[SnapshotKey]:
    """Return the key of each file; the days of a history are keys of their own."""
    joined = [file for file in prepared if file.day is None]
    chosen = iter(choose_keys([file.dated for file in joined], today=today, given=options.snapshot))
    return [next(chosen) if file.day is None else SnapshotKey(file.day.isoformat()) for file in prepared]


def _check_names(prepared: Sequence[PreparedFile], keys: Sequence[SnapshotKey]) -> None:
    """Refuse two different files that would be stored as one: the second would silently replace the first."""
    first_by_place: dict[tuple[str, str, str], PreparedFile] = {}
    for file, key in zip(prepared, keys, strict=True):
        first = first_by_place.setdefault((key.key, file.delivered.name, file.layout.member), file)
        if first.delivered_sha256 != file.delivered_sha256:
            raise SnapshotKeyError(
                f"{file.delivered} and {first.delivered} have the same name in snapshot {key.key}",
                remedy="rename one of them; if one replaces the other, deliver them separately",
            )
