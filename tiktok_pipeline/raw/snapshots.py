"""List the files of a folder, tell whether they are complete, and check snapshot keys.

This module uses names, sizes and dates only; it reads, copies and writes no file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import signal
import stat
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.warehouse.base import FileFormat

FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".json": "json",
    ".json.gz": "json",
    ".ndjson": "ndjson",
    ".ndjson.gz": "ndjson",
    ".jsonl": "ndjson",
    ".jsonl.gz": "ndjson",
    ".parquet": "parquet",
}
"""File name suffix to the format it is read as."""

SNAPSHOT_KEY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}-[0-9]{2}-[0-9]{2}Z)?$"
"""A sortable UTC date, or date and time."""

_SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", "~", ".swp")


class SnapshotKeyError(FileError):
    """A snapshot key is not a date, or no key can be derived for a file."""

    code = "snapshot_key"
    is_usage_error = True


def file_format(path: Path) -> FileFormat | None:
    """Return the format by the suffix of the name; None if the suffix is not supported."""
    name = path.name.lower()
    suffixes = [suffix for suffix in FORMATS if name.endswith(suffix)]
    return FORMATS[max(suffixes, key=len)] if suffixes else None


def is_finished(path: Path) -> bool:
    """Return whether the name is that of a complete file: not hidden, and not a download or copy in progress."""
    return not path.name.startswith(".") and not path.name.lower().endswith(_UNFINISHED)


@dataclass(frozen=True)
class FileStat:
    """Size of a file in bytes, and when its content and its directory entry last changed (ns since 1970)."""

    bytes: int
    modified_ns: int
    changed_ns: int


def list_inbox(folder: Path) -> dict[str, FileStat]:
    """Return the complete files of a folder by name: files of any type, and links, which are not followed."""
    files = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            status = path.lstat()
        except FileNotFoundError:  # removed since the folder was listed
            continue
        if is_finished(path) and not stat.S_ISDIR(status.st_mode):
            files[path.name] = FileStat(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return files


def is_being_written(path: Path) -> bool:
    """Return whether a program on this machine has the file open for writing; False if the system cannot tell."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(
            descriptor, fcntl.F_SETSIG, signal.SIGURG
        )  # a writer that opens the file now sends this signal, which is ignored
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)  # fails while a writer has it open
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as problem:
        return problem.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def is_snapshot_key(key: str) -> bool:
    """Return whether a text is a real date, or date and time, in the form of a snapshot key.

    Examples
    --------
    >>> is_snapshot_key("2024-02-29"), is_snapshot_key("2023-02-29"), is_snapshot_key("not a date")
    (True, False, False)
    """
    if not re.fullmatch(SNAPSHOT_KEY, key) or key.endswith("\n"):  # "$" also matches before a final line break
        return False
    try:
        datetime.fromisoformat(key[:10] + key[10:].replace("-", ":"))
    except ValueError:
        return False
    return True


def day_of(key: str) -> date:
    """Return the day of a snapshot key."""
    return date.fromisoformat(key[:10])


def check_snapshot_key(key: str) -> str:
    """Return ``key``; raise `SnapshotKeyError` if it is not a real date in the expected form."""
    if is_snapshot_key(key):
        return key
    msg = f"snapshot {key!r}: expected a date such as 2023-08-12, or a time such as 2023-08-12T06-30-00Z"
    raise SnapshotKeyError(msg)


def safe_name(path: Path) -> str:
    """Return a safe file name: the file's own, or with unusual characters replaced and a short hash added."""
    ending = max((end for end in FORMATS if path.name.lower().endswith(end)), key=len, default="")
    if _SAFE_NAME.match(path.name) and len(path.name) <= 120:
        return path.name[: len(path.name) - len(ending)] + ending  # the engine expects lower-case suffixes
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.name[: len(path.name) - len(ending)])[:80].strip("_-") or "file"
    return f"{stem}-{hashlib.sha256(path.name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}{ending}"
